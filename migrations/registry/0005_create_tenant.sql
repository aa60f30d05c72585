-- leasehold: phase expand
-- Tenants. The state moves through registry_tenant_transition() alone: services have no right on that column. The
-- generation grows by itself with every change that a router must see.

CREATE TABLE registry_tenant (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tid         text NOT NULL UNIQUE CHECK (tid ~ '^[a-z2-7]{10}$'),
    slug        text NOT NULL CHECK (slug ~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$' AND slug NOT LIKE 'xn--%'),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state       text NOT NULL DEFAULT 'provisioning'
                CHECK (state IN ('provisioning', 'active', 'suspended', 'moving', 'deleting', 'deleted', 'failed')),
    edition     text NOT NULL DEFAULT '',
    limits      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    settings    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    generation  bigint NOT NULL DEFAULT 1,
    paused_at   timestamptz,
    created_by  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    CHECK ((state = 'deleted') = (deleted_at IS NOT NULL))
);
-- A tombstone keeps its slug for the record and leaves the name free.
CREATE UNIQUE INDEX registry_tenant_slug ON registry_tenant (slug) WHERE state <> 'deleted';
CREATE INDEX registry_tenant_state ON registry_tenant (state);

CREATE FUNCTION registry_tenant_may_become(p_from text, p_to text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT p_to = ANY (CASE p_from
        WHEN 'provisioning' THEN ARRAY['active', 'failed', 'deleting', 'deleted']
        WHEN 'failed'       THEN ARRAY['provisioning', 'deleting', 'deleted']
        WHEN 'active'       THEN ARRAY['suspended', 'moving', 'deleting']
        WHEN 'moving'       THEN ARRAY['active']
        WHEN 'suspended'    THEN ARRAY['active', 'deleting']
        WHEN 'deleting'     THEN ARRAY['suspended', 'deleted']  -- suspended: cancelled within the grace
        ELSE ARRAY[]::text[] END)
$$;

CREATE FUNCTION registry_tenant_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.tid <> OLD.tid THEN
        RAISE EXCEPTION 'id and tid of a tenant never change' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT registry_tenant_may_become(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'a tenant that is % does not become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_tenant_transition';
    END IF;
    IF (NEW.slug, NEW.name, NEW.state, NEW.edition, NEW.limits, NEW.settings, NEW.paused_at)
       IS DISTINCT FROM (OLD.slug, OLD.name, OLD.state, OLD.edition, OLD.limits, OLD.settings, OLD.paused_at) THEN
        NEW.generation := greatest(NEW.generation, OLD.generation + 1);
    END IF;
    IF NEW.generation < OLD.generation THEN
        RAISE EXCEPTION 'the generation of a tenant only grows' USING ERRCODE = 'check_violation';
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE TRIGGER registry_tenant_guard BEFORE UPDATE ON registry_tenant
    FOR EACH ROW EXECUTE FUNCTION registry_tenant_guard();
CREATE TRIGGER registry_tenant_change AFTER INSERT OR DELETE ON registry_tenant
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('tenant', 'id', 'id');
CREATE TRIGGER registry_tenant_change_update AFTER UPDATE ON registry_tenant
    FOR EACH ROW WHEN (OLD.generation <> NEW.generation)
    EXECUTE FUNCTION registry_change_feed('tenant', 'id', 'id');

-- Moves a tenant to p_to if it is in one of p_from, with its audit event. One row: outcome is ok, unchanged (it is
-- there already: a repeated step), tenant_not_found, or tenant_state_conflict.
CREATE FUNCTION registry_tenant_transition(
    p_tenant uuid, p_from text[], p_to text, p_principal text, p_action text, p_request_id text, p_source_ip inet,
    p_detail jsonb
) RETURNS TABLE (outcome text, state text, generation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_tenant  registry_tenant;
BEGIN
    SELECT * INTO v_tenant FROM registry_tenant t WHERE t.id = p_tenant FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'tenant_not_found', NULL::text, NULL::bigint;
        RETURN;
    END IF;
    IF v_tenant.state = p_to THEN
        RETURN QUERY SELECT 'unchanged', v_tenant.state, v_tenant.generation;
        RETURN;
    END IF;
    IF NOT (v_tenant.state = ANY (p_from) AND registry_tenant_may_become(v_tenant.state, p_to)) THEN
        RETURN QUERY SELECT 'tenant_state_conflict', v_tenant.state, v_tenant.generation;
        RETURN;
    END IF;
    UPDATE registry_tenant t
       SET state = p_to, deleted_at = CASE WHEN p_to = 'deleted' THEN now() END
     WHERE t.id = p_tenant RETURNING t.generation INTO v_tenant.generation;
    PERFORM registry_append_audit(p_principal, p_action, p_tenant, v_tenant.slug, p_request_id, p_source_ip, 'ok',
        coalesce(p_detail, '{}') || jsonb_build_object('from', v_tenant.state, 'to', p_to));
    RETURN QUERY SELECT 'ok', p_to, v_tenant.generation;
END $$;
