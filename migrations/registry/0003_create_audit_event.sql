-- leasehold: phase expand
-- The audit chain. Only registry_append_audit() writes it, in the transaction of the change it records. Each hash
-- covers the event and the hash before it; the head row makes ids gapless, so a cut-off tail is seen as well.

CREATE TABLE registry_audit_event (
    id             bigint PRIMARY KEY,
    at             timestamptz NOT NULL,
    principal      text NOT NULL,
    action         text NOT NULL CHECK (action ~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+$'),
    tenant_id      uuid,  -- no foreign key: events outlive their tenant
    target         text,
    request_id     text,
    source_ip      inet,
    outcome        text NOT NULL,
    detail         jsonb NOT NULL,
    previous_hash  bytea NOT NULL,
    hash           bytea NOT NULL
);
CREATE INDEX registry_audit_event_tenant ON registry_audit_event (tenant_id, id);
CREATE INDEX registry_audit_event_at ON registry_audit_event (at);

-- One row. Its lock puts the writers in line, to the end of their transactions: append the event last.
CREATE TABLE registry_audit_head (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_id    bigint NOT NULL,
    last_hash  bytea NOT NULL
);
INSERT INTO registry_audit_head (last_id, last_hash) VALUES (0, sha256('leasehold-audit-1'::bytea));

CREATE FUNCTION registry_audit_refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit chain is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER registry_audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON registry_audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION registry_audit_refuse();

-- Every field with its length in front, so that no two events have one text; times in UTC whatever the session says.
CREATE FUNCTION registry_audit_hash(
    p_previous bytea, p_id bigint, p_at timestamptz, p_principal text, p_action text, p_tenant uuid, p_target text,
    p_request_id text, p_source_ip inet, p_outcome text, p_detail jsonb
) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT sha256(p_previous || convert_to(string_agg(coalesce(length(f) || ':' || f, '-'), ',' ORDER BY n), 'UTF8'))
      FROM unnest(ARRAY[p_id::text, to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), p_principal,
                        p_action, p_tenant::text, p_target, p_request_id, p_source_ip::text, p_outcome,
                        p_detail::text]) WITH ORDINALITY AS field (f, n)
$$;

CREATE FUNCTION registry_append_audit(
    p_principal text, p_action text, p_tenant uuid, p_target text, p_request_id text, p_source_ip inet,
    p_outcome text, p_detail jsonb
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_head    registry_audit_head;
    v_at      timestamptz;
    v_detail  jsonb := coalesce(p_detail, '{}');
    v_hash    bytea;
BEGIN
    SELECT * INTO STRICT v_head FROM registry_audit_head FOR UPDATE;
    v_at := clock_timestamp();  -- after the lock: ids and times rise together
    v_hash := registry_audit_hash(v_head.last_hash, v_head.last_id + 1, v_at, p_principal, p_action, p_tenant,
                                  p_target, p_request_id, p_source_ip, p_outcome, v_detail);
    INSERT INTO registry_audit_event
    VALUES (v_head.last_id + 1, v_at, p_principal, p_action, p_tenant, p_target, p_request_id, p_source_ip,
            p_outcome, v_detail, v_head.last_hash, v_hash);
    UPDATE registry_audit_head SET last_id = v_head.last_id + 1, last_hash = v_hash;
    RETURN v_head.last_id + 1;
END $$;

-- The first id at which the chain is broken (altered, removed or swapped), NULL if it holds.
CREATE FUNCTION registry_verify_audit() RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    v_event     registry_audit_event;
    v_head      registry_audit_head;
    v_id        bigint := 0;
    v_previous  bytea := sha256('leasehold-audit-1'::bytea);
BEGIN
    FOR v_event IN SELECT * FROM registry_audit_event ORDER BY id LOOP
        v_id := v_id + 1;
        IF v_event.id <> v_id
           OR v_event.previous_hash <> v_previous
           OR v_event.hash <> registry_audit_hash(v_previous, v_event.id, v_event.at, v_event.principal,
                  v_event.action, v_event.tenant_id, v_event.target, v_event.request_id, v_event.source_ip,
                  v_event.outcome, v_event.detail) THEN
            RETURN v_id;
        END IF;
        v_previous := v_event.hash;
    END LOOP;
    SELECT * INTO STRICT v_head FROM registry_audit_head;
    IF v_head.last_id <> v_id OR v_head.last_hash <> v_previous THEN RETURN v_id + 1; END IF;
    RETURN NULL;
END $$;
