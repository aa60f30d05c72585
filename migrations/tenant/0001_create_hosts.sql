-- leasehold: phase expand
-- The managed machines of one tenant. The id is that of the registry's row; identity and state belong to the registry,
-- what is here is what the machine tells. approval mirrors the registry. Names may repeat.

CREATE TABLE hosts (
    id             uuid PRIMARY KEY,
    name           text NOT NULL,
    fqdn           text NOT NULL DEFAULT '',
    cluster_name   text NOT NULL DEFAULT '',
    platform       text NOT NULL DEFAULT '',
    os_name        text NOT NULL DEFAULT '',
    os_version     text NOT NULL DEFAULT '',
    agent_version  text NOT NULL DEFAULT '',
    status         text NOT NULL DEFAULT 'enrolling' CHECK (status IN ('enrolling', 'active', 'offline', 'orphan')),
    approval       text NOT NULL DEFAULT 'pending' CHECK (approval IN ('pending', 'approved', 'locked', 'revoked')),
    first_seen_at  timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz,
    labels         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object')
);
CREATE INDEX hosts_name ON hosts (name);
CREATE INDEX hosts_last_seen_at ON hosts (last_seen_at);
