-- leasehold: phase expand
-- The installed license, one row. high_water_time is kept without a license as well.

CREATE TABLE registry_license (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    document         text,
    installed_by     text,
    first_seen       timestamptz,
    high_water_time  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO registry_license DEFAULT VALUES;

CREATE TRIGGER registry_license_change AFTER UPDATE OF document ON registry_license
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('license', 'only_row', '');

-- Taken, to the end of the transaction, by whoever creates something a license counts (a tenant, a host).
CREATE FUNCTION registry_license_lock() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT pg_advisory_xact_lock(1279807311, 1)
$$;
