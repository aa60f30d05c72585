-- leasehold: phase expand
-- Heartbeats, one partition a day (UTC). The DEFAULT partition takes what has none: late ones from a spool, and those
-- of a day whose partition could not be made yet.

CREATE TABLE host_heartbeats (
    host_id  uuid NOT NULL REFERENCES hosts ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    metrics  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (host_id, at)
) PARTITION BY RANGE (at);
CREATE INDEX host_heartbeats_at ON host_heartbeats (at);
CREATE TABLE host_heartbeats_default PARTITION OF host_heartbeats DEFAULT;

-- Makes today's and tomorrow's partition and drops those that ended more than p_keep_days ago; called on the first
-- heartbeat of a day, and as often as one likes. What is locked by somebody is left for the next call: a heartbeat
-- waits 2 s at most and is never lost for it.
-- leasehold: allow M011 the only variable part of each text is a date, formatted here
-- leasehold: allow M109 two routers must not make one partition; readers and writers of heartbeats go on
CREATE FUNCTION heartbeat_partitions(p_keep_days integer DEFAULT 30) RETURNS TABLE (made integer, dropped integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
    v_today   date := current_date;
    v_oldest  date := current_date - least(greatest(p_keep_days, 1), 3650);
    v_day     date;
    v_name    text;
    v_names   text[];
BEGIN
    made := 0;
    dropped := 0;
    SELECT coalesce(array_agg(c.relname::text), '{}') INTO v_names
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'host_heartbeats'::regclass;
    IF v_names @> ARRAY[to_char(v_today, '"host_heartbeats_"YYYYMMDD'), to_char(v_today + 1, '"host_heartbeats_"YYYYMMDD')]
       AND NOT EXISTS (SELECT FROM unnest(v_names) AS n
                        WHERE n ~ '^host_heartbeats_[0-9]{8}$' AND to_date(right(n, 8), 'YYYYMMDD') < v_oldest) THEN
        RETURN NEXT;
        RETURN;
    END IF;

    BEGIN
        LOCK TABLE host_heartbeats IN SHARE UPDATE EXCLUSIVE MODE;
        SELECT coalesce(array_agg(c.relname::text), '{}') INTO v_names
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'host_heartbeats'::regclass;
        FOREACH v_day IN ARRAY ARRAY[v_today, v_today + 1] LOOP
            v_name := to_char(v_day, '"host_heartbeats_"YYYYMMDD');
            CONTINUE WHEN v_name = ANY (v_names);
            -- Rows of that day that already lie in DEFAULT would forbid the partition: they move into it first.
            EXECUTE format('CREATE TABLE %I (LIKE host_heartbeats INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name);
            EXECUTE format('WITH late AS (DELETE FROM host_heartbeats_default WHERE at >= %L AND at < %L RETURNING *) '
                           'INSERT INTO %I SELECT * FROM late', v_day, v_day + 1, v_name);
            EXECUTE format('ALTER TABLE host_heartbeats ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           v_name, v_day, v_day + 1);
            made := made + 1;
        END LOOP;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        made := 0;
    END;

    FOREACH v_name IN ARRAY v_names LOOP
        CONTINUE WHEN v_name !~ '^host_heartbeats_[0-9]{8}$';
        CONTINUE WHEN to_date(right(v_name, 8), 'YYYYMMDD') >= v_oldest;
        BEGIN
            EXECUTE format('DROP TABLE %I', v_name);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available OR deadlock_detected OR undefined_table THEN
            EXIT;
        END;
    END LOOP;
    DELETE FROM host_heartbeats_default WHERE at < v_oldest;
    RETURN NEXT;
END $$;
