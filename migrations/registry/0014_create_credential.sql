-- leasehold: phase expand
-- Host credentials after the enrollment: issue, renew, promote, lock. Each with its audit event in the same
-- transaction. All HMACs are '<key number>$<hmac>'.

-- Enrollment, step 5: the host's first credential, or another one for a replay (the unconfirmed one dies).
-- outcome: ok, host_not_found, already_enrolled, host_locked, host_revoked.
CREATE FUNCTION registry_host_enrolled(
    p_host uuid, p_credential_hmac text, p_expires_at timestamptz, p_source_ip inet, p_request_id text
) RETURNS TABLE (outcome text, host_state text, generation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_host      registry_host;
    v_approval  text;
BEGIN
    SELECT h.* INTO v_host FROM registry_host h WHERE h.id = p_host FOR NO KEY UPDATE;
    IF NOT FOUND OR v_host.state IN ('locked', 'revoked') OR v_host.confirmed_at IS NOT NULL
       OR v_host.public_key IS NULL THEN
        RETURN QUERY SELECT CASE WHEN v_host.id IS NULL OR v_host.public_key IS NULL THEN 'host_not_found'
                                 WHEN v_host.state = 'locked' THEN 'host_locked'
                                 WHEN v_host.state = 'revoked' THEN 'host_revoked'
                                 ELSE 'already_enrolled' END, v_host.state, v_host.generation;
        RETURN;
    END IF;
    SELECT k.approval INTO v_approval FROM registry_enrollment_token k WHERE k.id = v_host.token_id;
    UPDATE registry_host h
       SET state = CASE WHEN h.state <> 'enrolling' THEN h.state
                        WHEN v_approval = 'auto' THEN 'active' ELSE 'pending' END,
           generation = CASE WHEN h.state = 'enrolling' THEN h.generation + 1 ELSE h.generation END,
           credential_hmac = p_credential_hmac, credential_expires_at = p_expires_at,
           next_hmac = NULL, next_expires_at = NULL, previous_hmac = NULL,
           enrolled_at = coalesce(h.enrolled_at, now())
     WHERE h.id = p_host RETURNING h.* INTO v_host;
    PERFORM registry_append_audit('host:' || p_host, 'host.credential_issued', v_host.tenant_id, p_host::text,
        p_request_id, p_source_ip, 'ok',
        jsonb_build_object('generation', v_host.generation, 'state', v_host.state));
    RETURN QUERY SELECT 'ok', v_host.state, v_host.generation;
END $$;

-- Stores the next credential beside the present one; the caller has verified the signature. p_public_key: NULL, or
-- the key that replaces the present one. outcome: ok, host_not_found, host_locked, host_revoked, host_enrolling,
-- credential_expired (longer ago than p_max_offline), generation_conflict (another copy of the host is a suspect).
CREATE FUNCTION registry_host_renew(
    p_host uuid, p_generation bigint, p_next_hmac text, p_next_expires_at timestamptz, p_public_key bytea,
    p_max_offline interval, p_source_ip inet, p_request_id text
) RETURNS TABLE (outcome text, host_state text, generation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_host     registry_host;
    v_refused  text;
BEGIN
    SELECT h.* INTO v_host FROM registry_host h WHERE h.id = p_host FOR NO KEY UPDATE;
    v_refused := CASE
        WHEN v_host.id IS NULL THEN 'host_not_found'
        WHEN v_host.state IN ('locked', 'revoked', 'enrolling') THEN 'host_' || v_host.state
        WHEN p_generation <> v_host.generation
             AND NOT (p_generation = v_host.generation + 1 AND v_host.next_hmac IS NOT NULL) THEN 'generation_conflict'
        WHEN v_host.credential_expires_at + p_max_offline < now() THEN 'credential_expired'
        END;
    IF v_refused IS NOT NULL THEN
        RETURN QUERY SELECT v_refused, v_host.state, v_host.generation;
        RETURN;
    END IF;
    IF p_generation > v_host.generation THEN  -- it holds the next one and has not used it yet
        UPDATE registry_host h
           SET previous_hmac = h.credential_hmac, credential_hmac = h.next_hmac,
               credential_expires_at = h.next_expires_at, generation = h.generation + 1, promoted_at = now()
         WHERE h.id = p_host;
    END IF;
    UPDATE registry_host h
       SET next_hmac = p_next_hmac, next_expires_at = p_next_expires_at,
           public_key = coalesce(p_public_key, h.public_key), confirmed_at = coalesce(h.confirmed_at, now())
     WHERE h.id = p_host RETURNING h.* INTO v_host;
    PERFORM registry_append_audit('host:' || p_host, 'host.credential_renewed', v_host.tenant_id, p_host::text,
        p_request_id, p_source_ip, 'ok',
        jsonb_build_object('generation', v_host.generation + 1, 'key_replaced', p_public_key IS NOT NULL));
    RETURN QUERY SELECT 'ok', v_host.state, v_host.generation + 1;
END $$;

-- A credential was used: confirms the enrollment's, promotes a renewal's. p_hmacs: the presented secret under each
-- valid HMAC key. outcome: ok (something changed), unchanged, credential_invalid, host_not_found.
CREATE FUNCTION registry_host_promote(p_host uuid, p_hmacs text[])
RETURNS TABLE (outcome text, host_state text, generation bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_host     registry_host;
    v_outcome  text;
BEGIN
    SELECT h.* INTO v_host FROM registry_host h WHERE h.id = p_host FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'host_not_found', NULL::text, NULL::bigint;
        RETURN;
    END IF;
    IF registry_same_secret(v_host.next_hmac, p_hmacs) THEN
        UPDATE registry_host h
           SET previous_hmac = h.credential_hmac, credential_hmac = h.next_hmac,
               credential_expires_at = h.next_expires_at, next_hmac = NULL, next_expires_at = NULL,
               generation = h.generation + 1, promoted_at = now(), confirmed_at = coalesce(h.confirmed_at, now())
         WHERE h.id = p_host RETURNING h.* INTO v_host;
        PERFORM registry_append_audit('host:' || p_host, 'host.credential_promoted', v_host.tenant_id, p_host::text,
            NULL, NULL, 'ok', jsonb_build_object('generation', v_host.generation));
        v_outcome := 'ok';
    ELSIF NOT registry_same_secret(v_host.credential_hmac, p_hmacs) THEN
        v_outcome := 'credential_invalid';
    ELSIF v_host.confirmed_at IS NULL THEN
        UPDATE registry_host h SET confirmed_at = now() WHERE h.id = p_host;
        PERFORM registry_append_audit('host:' || p_host, 'host.confirmed', v_host.tenant_id, p_host::text,
            NULL, NULL, 'ok', jsonb_build_object('generation', v_host.generation));
        v_outcome := 'ok';
    ELSE
        v_outcome := 'unchanged';
    END IF;
    RETURN QUERY SELECT v_outcome, v_host.state, v_host.generation;
END $$;

-- Locks one host; p_reason 'clone' is the suspicion of two copies. outcome: ok, unchanged, host_not_found,
-- host_state_conflict.
CREATE FUNCTION registry_host_lock(p_host uuid, p_reason text, p_source_ip inet, p_request_id text, p_detail jsonb)
RETURNS TABLE (outcome text, host_state text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_host  registry_host;
BEGIN
    SELECT h.* INTO v_host FROM registry_host h WHERE h.id = p_host FOR NO KEY UPDATE;
    IF v_host.id IS NULL OR v_host.state NOT IN ('pending', 'active') THEN
        RETURN QUERY SELECT CASE WHEN v_host.id IS NULL THEN 'host_not_found' WHEN v_host.state = 'locked' THEN 'unchanged'
                                 ELSE 'host_state_conflict' END, v_host.state;
        RETURN;
    END IF;
    UPDATE registry_host h SET state = 'locked', lock_reason = p_reason WHERE h.id = p_host;
    PERFORM registry_append_audit('system:gateway',
        CASE p_reason WHEN 'clone' THEN 'host.clone_suspected' ELSE 'host.lock' END, v_host.tenant_id, p_host::text,
        p_request_id, p_source_ip, 'ok', coalesce(p_detail, '{}') || jsonb_build_object('reason', p_reason));
    RETURN QUERY SELECT 'ok', 'locked';
END $$;

-- Coarse stamps, in bulk, of what a router has seen. How many moved; a row that is locked is left for
-- the next time. Neither audit nor change rows.
CREATE FUNCTION registry_hosts_seen(p_hosts uuid[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH moved AS (
        UPDATE registry_host SET last_seen_at = now()
         WHERE id IN (SELECT id FROM registry_host
                       WHERE id = ANY (p_hosts) AND (last_seen_at IS NULL OR last_seen_at < now() - interval '1 minute')
                         FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id)
    SELECT count(*) FROM moved
$$;

CREATE FUNCTION registry_keys_used(p_keys uuid[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH moved AS (
        UPDATE registry_api_key SET last_used_at = now()
         WHERE id IN (SELECT id FROM registry_api_key
                       WHERE id = ANY (p_keys) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
                         FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id)
    SELECT count(*) FROM moved
$$;
