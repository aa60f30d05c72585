-- leasehold: phase expand
-- Collapsed mode: the tables of the one tenant lie beside the registry's, and the services reach them with their own
-- logins. Called by the owner after the tenant chain, and again after each run of it; returns how many objects it
-- named. It grants on what is neither registry_* nor shared_*; version rows stay readable only.

-- leasehold: allow M011 names come from the catalog, quoted; which tables there are is not known here
CREATE FUNCTION registry_collapsed_grant() RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_object  record;
    v_count   bigint := 0;
BEGIN
    FOR v_object IN
        SELECT 'TABLE' AS kind, c.oid::regclass::text AS name, c.relname::text AS plain,
               CASE WHEN c.relname = 'schema_version' THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights
          FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
        UNION ALL
        SELECT 'SEQUENCE', c.oid::regclass::text, c.relname, 'USAGE, SELECT, UPDATE'
          FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S'
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text, p.proname, 'EXECUTE'
          FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
    LOOP
        CONTINUE WHEN v_object.plain LIKE 'registry\_%' OR v_object.plain LIKE 'shared\_%';
        EXECUTE format('GRANT %s ON %s %s TO leasehold_registry_control, leasehold_registry_router',
                       v_object.rights, v_object.kind, v_object.name);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END $$;
