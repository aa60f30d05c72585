-- leasehold: phase expand
-- The change feed. A row only names what changed; a router reads the present rows through its views. Ids are handed
-- out before commit, so a lower id may appear after a higher one: readers keep the gaps.

CREATE TABLE registry_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at         timestamptz NOT NULL DEFAULT now(),
    kind       text NOT NULL CHECK (kind IN ('tenant', 'server', 'placement', 'domain', 'key', 'token', 'host',
                                             'license', 'lease', 'schema', 'setting', 'command')),
    tenant_id  uuid,  -- no foreign key: the row outlives what it names
    payload    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX registry_change_at ON registry_change (at);

CREATE FUNCTION registry_change_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('registry_change', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER registry_change_notify AFTER INSERT ON registry_change
    FOR EACH ROW EXECUTE FUNCTION registry_change_notify();

-- For what is no row of a table here: a lease that must be dropped, a command that waits.
CREATE FUNCTION registry_announce(p_kind text, p_tenant uuid, p_payload jsonb) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO registry_change (kind, tenant_id, payload)
    VALUES (p_kind, p_tenant, coalesce(p_payload, '{}')) RETURNING id
$$;

-- Row trigger of the tables a router must know. Arguments: kind, column that names the row, column of the tenant
-- ('' = none). The payload is {"act": "insert|update|delete", "<column>": value}.
CREATE FUNCTION registry_change_feed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_row jsonb;
BEGIN
    IF TG_OP = 'DELETE' THEN v_row := to_jsonb(OLD); ELSE v_row := to_jsonb(NEW); END IF;
    INSERT INTO registry_change (kind, tenant_id, payload)
    VALUES (TG_ARGV[0], (v_row ->> TG_ARGV[2])::uuid,
            jsonb_build_object('act', lower(TG_OP), TG_ARGV[1], v_row -> TG_ARGV[1]));
    RETURN NULL;
END $$;

CREATE TRIGGER registry_setting_change AFTER INSERT OR DELETE OR UPDATE OF value ON registry_setting
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('setting', 'key', '');
