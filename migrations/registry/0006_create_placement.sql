-- leasehold: phase expand
-- Where a tenant lives. Coordinates only, never a credential. The generation is the tenant's own count of placements
-- and is never reused; name is P = t_<tid>_<generation>, from which the names of roles on the server come.

CREATE TABLE registry_placement (
    tenant_id   uuid NOT NULL REFERENCES registry_tenant,
    generation  bigint NOT NULL CHECK (generation > 0),
    server_id   uuid NOT NULL REFERENCES registry_server,
    tier        text NOT NULL DEFAULT 'database' CHECK (tier IN ('database', 'schema', 'server')),
    name        text NOT NULL CHECK (name ~ '^t_[a-z2-7]{10}_[0-9]+$'),
    database    text NOT NULL CHECK (length(database) BETWEEN 1 AND 63),
    schema      text NOT NULL DEFAULT 'public' CHECK (length(schema) BETWEEN 1 AND 63),
    state       text NOT NULL DEFAULT 'target' CHECK (state IN ('current', 'target', 'retired')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz,
    PRIMARY KEY (tenant_id, generation),
    UNIQUE (server_id, database, schema),
    UNIQUE (server_id, name)
);
CREATE UNIQUE INDEX registry_placement_current ON registry_placement (tenant_id) WHERE state = 'current';

CREATE FUNCTION registry_placement_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Only a change of what is current matters to a router.
    IF (TG_OP <> 'INSERT' AND OLD.state = 'current') OR (TG_OP <> 'DELETE' AND NEW.state = 'current') THEN
        UPDATE registry_tenant SET generation = generation + 1 WHERE id = coalesce(NEW.tenant_id, OLD.tenant_id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER registry_placement_moved AFTER INSERT OR UPDATE OR DELETE ON registry_placement
    FOR EACH ROW EXECUTE FUNCTION registry_placement_moved();
CREATE TRIGGER registry_placement_change AFTER INSERT OR UPDATE OR DELETE ON registry_placement
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('placement', 'generation', 'tenant_id');
