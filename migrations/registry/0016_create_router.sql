-- leasehold: phase expand
-- The processes that serve. A router says here which change it has applied; an operation that must be complete waits
-- until every live one has (seen within 60 s), or names the others.

CREATE SEQUENCE registry_router_epoch;

CREATE TABLE registry_router (
    id              uuid PRIMARY KEY,
    role            text NOT NULL CHECK (role IN ('router', 'control-plane')),
    number          bigint UNIQUE CHECK (number BETWEEN 0 AND 255),  -- of a router; NULL: silent, and given on
    epoch           bigint NOT NULL,
    address         text NOT NULL DEFAULT '',
    version         text NOT NULL DEFAULT '',
    chains          jsonb NOT NULL DEFAULT '{}',
    lanes           bigint NOT NULL DEFAULT 0,
    machine         text NOT NULL DEFAULT '',  -- and the process on it: who starts there can see whether it has ended
    process         text NOT NULL DEFAULT '',
    applied_change  bigint NOT NULL DEFAULT 0,
    gaps            bigint[] NOT NULL DEFAULT '{}',
    slots           jsonb NOT NULL DEFAULT '{}',
    started_at      timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now()
);

-- p_id is new for each start of a process. A router gets a number that no other live one has; registering again under
-- one id keeps number and epoch, unless the number was given on meanwhile. Whoever was silent for 7 days is forgotten.
CREATE FUNCTION registry_router_register(
    p_id uuid, p_role text, p_address text, p_version text, p_chains jsonb, p_lanes bigint, p_machine text,
    p_process text
) RETURNS TABLE (number bigint, epoch bigint, installation uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_number  bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(1279807311, 2);
    DELETE FROM registry_router r WHERE r.seen_at < now() - interval '7 days';
    SELECT r.number INTO v_number FROM registry_router r WHERE r.id = p_id;
    IF v_number IS NULL AND p_role = 'router' THEN
        SELECT min(n) INTO v_number FROM generate_series(0, 255) AS n
         WHERE NOT EXISTS (SELECT FROM registry_router r
                            WHERE r.number = n AND r.seen_at > now() - interval '60 seconds');
        IF v_number IS NULL THEN
            RAISE EXCEPTION '256 routers are registered' USING ERRCODE = 'configuration_limit_exceeded';
        END IF;
        UPDATE registry_router r SET number = NULL WHERE r.number = v_number;
    END IF;
    INSERT INTO registry_router AS r (id, role, number, epoch, address, version, chains, lanes, machine, process)
    VALUES (p_id, p_role, v_number, nextval('registry_router_epoch'), p_address, p_version,
            coalesce(p_chains, '{}'), coalesce(p_lanes, 0), coalesce(p_machine, ''), coalesce(p_process, ''))
    ON CONFLICT (id) DO UPDATE
       SET epoch = CASE WHEN r.number IS NOT DISTINCT FROM excluded.number THEN r.epoch ELSE excluded.epoch END,
           number = excluded.number, address = excluded.address, version = excluded.version,
           chains = excluded.chains, lanes = excluded.lanes, seen_at = now();
    RETURN QUERY SELECT r.number, r.epoch, (SELECT (s.value #>> '{}')::uuid FROM registry_setting s
                                             WHERE s.key = 'installation')
                   FROM registry_router r WHERE r.id = p_id;
END $$;

-- p_slots: {server id: {used, wanted}}. known = false: register again. slots: {server id: connections this router may
-- hold}, the equal part of each server's budget, at least 1.
CREATE FUNCTION registry_router_beat(p_id uuid, p_slots jsonb) RETURNS TABLE (known boolean, slots jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_live  bigint;
BEGIN
    UPDATE registry_router r SET seen_at = now(), slots = coalesce(p_slots, '{}')
     WHERE r.id = p_id AND (r.number IS NOT NULL OR r.role <> 'router');
    IF NOT FOUND THEN
        RETURN QUERY SELECT false, '{}'::jsonb;
        RETURN;
    END IF;
    SELECT count(*) INTO v_live FROM registry_router r
     WHERE r.role = 'router' AND r.seen_at > now() - interval '60 seconds';
    RETURN QUERY SELECT true, coalesce(jsonb_object_agg(s.id, greatest(1, s.connection_budget / greatest(1, v_live))), '{}')
                   FROM registry_server s;
END $$;

-- Everything up to p_applied but p_gaps is done, kills included. false: register again.
CREATE FUNCTION registry_router_ack(p_id uuid, p_applied bigint, p_gaps bigint[]) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH told AS (
        UPDATE registry_router
           SET applied_change = greatest(applied_change, p_applied), gaps = coalesce(p_gaps, '{}'), seen_at = now()
         WHERE id = p_id AND number IS NOT NULL RETURNING id)
    SELECT EXISTS (SELECT FROM told)
$$;

CREATE FUNCTION registry_router_deregister(p_id uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM registry_router WHERE id = p_id RETURNING id)
    SELECT EXISTS (SELECT FROM gone)
$$;

-- The routers that registered from this machine. One that was killed says nothing and would count as live for a minute;
-- the next one to start there looks whether its process still runs, and deregisters it if not.
CREATE FUNCTION registry_routers_of(p_machine text) RETURNS TABLE (id uuid, process text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.id, r.process FROM registry_router r WHERE r.machine = p_machine AND p_machine <> ''
$$;

-- What a router itself records; its principal can be no other. NULL: it is not registered.
CREATE FUNCTION registry_router_audit(
    p_id uuid, p_action text, p_tenant uuid, p_target text, p_request_id text, p_source_ip inet, p_outcome text,
    p_detail jsonb
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT registry_append_audit('router:' || r.id, p_action, p_tenant, p_target, p_request_id, p_source_ip,
                                 p_outcome, p_detail)
      FROM registry_router r WHERE r.id = p_id
$$;

-- The live routers that have not yet applied p_change.
CREATE FUNCTION registry_routers_behind(p_change bigint)
RETURNS TABLE (id uuid, address text, applied_change bigint, seen_at timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT r.id, r.address, r.applied_change, r.seen_at FROM registry_router r
     WHERE r.role = 'router' AND r.seen_at > now() - interval '60 seconds'
       AND (r.applied_change < p_change OR p_change = ANY (r.gaps))
$$;
