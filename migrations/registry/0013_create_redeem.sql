-- leasehold: phase expand
-- Enrollment, step 3: one call, one transaction. Rows are locked tenant first, then token, then host; the audit event
-- comes last.

-- Compares through a hash, so that the time taken tells nothing of where two texts differ.
CREATE FUNCTION registry_same_secret(p_stored text, p_candidates text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(bool_or(sha256(convert_to(p_stored, 'UTF8')) = sha256(convert_to(c, 'UTF8'))), false)
      FROM unnest(p_candidates) AS c
$$;

-- p_secret_hmacs: the secret under each HMAC key that is valid now, as stored ('<key number>$<hmac>').
-- p_named_tenants: the tenants other route keys name (the nil UUID for a name of nobody); all must be the token's.
-- p_license_refusal: NULL, or the license_* code a holder is told. p_license_max_hosts: fleet-wide, NULL = not counted.
-- p_max_hosts: the configured limit where the tenant's limits say nothing.
-- One row always. outcome: ok, token_invalid, token_expired, token_used_up, token_revoked, token_network,
-- route_key_conflict, tenant_suspended, tenant_not_ready, already_enrolled, host_limit, license_host_limit, or
-- p_license_refusal. Ids and names are given with ok only.
CREATE FUNCTION registry_redeem(
    p_token uuid, p_secret_hmacs text[], p_public_key bytea, p_name text, p_machine_hint text, p_source_ip inet,
    p_named_tenants uuid[], p_max_hosts bigint, p_license_max_hosts bigint, p_license_refusal text, p_request_id text
) RETURNS TABLE (outcome text, host_id uuid, host_name text, host_state text, tenant_id uuid, tid text,
                 tenant_name text, approval text, tags jsonb, replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_token    registry_enrollment_token;
    v_tenant   registry_tenant;
    v_host     registry_host;
    v_refused  text;
    v_holds    boolean;
    v_replay   boolean := false;
    v_limit    bigint;
    c_unknown  CONSTANT text := '0$0000000000000000000000000000000000000000000000000000000000000000';
BEGIN
    -- Nothing is locked, and so nothing written, for who does not hold the token: a wrong secret takes as long as an
    -- unknown id, waits for nobody and makes nobody wait.
    SELECT k.* INTO v_token FROM registry_enrollment_token k WHERE k.id = p_token;
    v_holds := registry_same_secret(coalesce(v_token.secret_hmac, c_unknown), p_secret_hmacs) AND v_token.id IS NOT NULL;
    IF v_holds THEN
        SELECT t.* INTO v_tenant FROM registry_tenant t WHERE t.id = v_token.tenant_id FOR NO KEY UPDATE;
        SELECT k.* INTO v_token FROM registry_enrollment_token k WHERE k.id = p_token FOR NO KEY UPDATE;
        v_holds := FOUND;  -- else it was removed meanwhile
    END IF;
    IF NOT v_holds THEN
        RETURN QUERY SELECT 'token_invalid', NULL::uuid, NULL::text, NULL::text, NULL::uuid, NULL::text, NULL::text,
                            NULL::text, NULL::jsonb, false;
        RETURN;
    END IF;

    -- From here on the caller holds the token and is told the truth.
    SELECT h.* INTO v_host FROM registry_host h
     WHERE h.token_id = v_token.id AND h.public_key = p_public_key FOR NO KEY UPDATE;
    v_replay := FOUND;
    v_refused := CASE
        WHEN p_named_tenants IS NOT NULL AND NOT (v_tenant.id = ALL (p_named_tenants)) THEN 'route_key_conflict'
        WHEN v_token.cidr IS NOT NULL AND (p_source_ip IS NULL OR NOT p_source_ip <<= v_token.cidr) THEN 'token_network'
        WHEN v_replay AND (v_host.confirmed_at IS NOT NULL OR v_host.state IN ('locked', 'revoked')
                           OR v_host.redeemed_at < now() - interval '24 hours') THEN 'already_enrolled'
        WHEN NOT v_replay AND v_token.revoked_at IS NOT NULL THEN 'token_revoked'
        WHEN NOT v_replay AND v_token.expires_at <= now() THEN 'token_expired'
        WHEN NOT v_replay AND v_token.uses >= v_token.max_uses THEN 'token_used_up'
        WHEN v_tenant.state IN ('suspended', 'deleting', 'deleted') THEN 'tenant_suspended'
        WHEN v_tenant.state NOT IN ('active', 'moving') THEN 'tenant_not_ready'
        WHEN NOT v_replay THEN p_license_refusal
        END;

    IF v_refused IS NULL AND NOT v_replay THEN
        IF v_token.host_id IS NOT NULL THEN
            SELECT h.* INTO STRICT v_host FROM registry_host h WHERE h.id = v_token.host_id FOR NO KEY UPDATE;
        END IF;
        -- A bound host that is not revoked has its place already.
        IF v_token.host_id IS NULL OR v_host.state = 'revoked' THEN
            v_limit := coalesce((v_tenant.limits ->> 'max_hosts')::bigint, p_max_hosts);
            IF v_limit IS NOT NULL AND v_limit <= (SELECT count(*) FROM registry_host h
                    WHERE h.tenant_id = v_tenant.id AND h.state <> 'revoked') THEN
                v_refused := 'host_limit';
            ELSIF p_license_max_hosts IS NOT NULL THEN
                PERFORM registry_license_lock();
                IF p_license_max_hosts <= (SELECT count(*) FROM registry_host h WHERE h.state <> 'revoked') THEN
                    v_refused := 'license_host_limit';
                END IF;
            END IF;
        END IF;
    END IF;

    IF v_refused IS NOT NULL THEN
        PERFORM registry_append_audit('token:' || v_token.id, 'host.enroll', v_token.tenant_id, p_name, p_request_id,
                                      p_source_ip, v_refused, '{}');
        RETURN QUERY SELECT v_refused, NULL::uuid, NULL::text, NULL::text, NULL::uuid, NULL::text, NULL::text,
                            NULL::text, NULL::jsonb, v_replay;
        RETURN;
    END IF;

    IF NOT v_replay THEN
        UPDATE registry_enrollment_token k SET uses = k.uses + 1, last_used_at = now() WHERE k.id = v_token.id;
        IF v_token.host_id IS NULL THEN
            INSERT INTO registry_host (tenant_id, name, public_key, machine_hint, token_id, redeemed_at)
            VALUES (v_token.tenant_id, p_name, p_public_key, p_machine_hint, v_token.id, now())
            RETURNING * INTO v_host;
        ELSE
            -- Enrolled anew: the same host, another key; what it held before is worthless from here on.
            UPDATE registry_host h
               SET state = 'enrolling', public_key = p_public_key, machine_hint = p_machine_hint,
                   token_id = v_token.id, redeemed_at = now(), confirmed_at = NULL, credential_hmac = NULL,
                   credential_expires_at = NULL, next_hmac = NULL, next_expires_at = NULL, previous_hmac = NULL,
                   lock_reason = NULL
             WHERE h.id = v_token.host_id RETURNING * INTO v_host;
        END IF;
        PERFORM registry_append_audit('token:' || v_token.id, 'host.enroll', v_token.tenant_id, v_host.id::text,
            p_request_id, p_source_ip, 'ok', jsonb_build_object('name', p_name, 'uses', v_token.uses + 1));
    END IF;
    RETURN QUERY SELECT 'ok', v_host.id, v_host.name, v_host.state, v_tenant.id, v_tenant.tid, v_tenant.name,
                        v_token.approval, v_token.tags, v_replay;
END $$;

-- Removes enrollments that were begun and never finished, and gives their use back. How many were removed.
CREATE FUNCTION registry_enrollments_expire(p_age interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_tokens  uuid[];
    v_gone    registry_host[];
    v_host    registry_host;
BEGIN
    -- Tokens before hosts, events last: the order of registry_redeem().
    SELECT array_agg(t.id) INTO v_tokens FROM (
        SELECT k.id FROM registry_enrollment_token k
         WHERE k.host_id IS NULL AND EXISTS (
               SELECT FROM registry_host h
                WHERE h.token_id = k.id AND h.state = 'enrolling' AND h.enrolled_at IS NULL
                  AND h.redeemed_at < now() - p_age)
         ORDER BY k.id FOR NO KEY UPDATE) AS t;
    WITH gone AS (
        DELETE FROM registry_host h
         WHERE h.token_id = ANY (v_tokens) AND h.state = 'enrolling' AND h.enrolled_at IS NULL
           AND h.redeemed_at < now() - p_age
        RETURNING h.*)
    SELECT array_agg(gone::registry_host) INTO v_gone FROM gone;
    UPDATE registry_enrollment_token k SET uses = greatest(k.uses - g.hosts, 0)
      FROM (SELECT h.token_id, count(*) AS hosts FROM unnest(v_gone) AS h GROUP BY h.token_id) AS g
     WHERE k.id = g.token_id;
    FOREACH v_host IN ARRAY coalesce(v_gone, '{}') LOOP
        PERFORM registry_append_audit('system:enrollment', 'host.enrollment_expired', v_host.tenant_id,
                                      v_host.id::text, NULL, NULL, 'ok', '{}');
    END LOOP;
    RETURN cardinality(coalesce(v_gone, '{}'));
END $$;
