-- leasehold: phase expand
-- Settings of the installation. The first row names the installation itself: a router that is answered with another
-- id than the one it started with refuses everything new.

-- Nothing of this chain is for PUBLIC; functions would be, by PostgreSQL's default.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

CREATE TABLE registry_setting (
    key         text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_.]{0,62}$'),
    value       jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO registry_setting (key, value) VALUES ('installation', to_jsonb(gen_random_uuid()));
