-- leasehold: phase expand
-- PostgreSQL servers that hold tenant databases. Never a password: the provisioner's lies in the broker's KV.

CREATE TABLE registry_server (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name               text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9-]{0,38}$'),
    addresses          text[] NOT NULL CHECK (cardinality(addresses) > 0),  -- host:port
    sslmode            text NOT NULL DEFAULT 'verify-full'
                       CHECK (sslmode IN ('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full')),
    ca                 text,  -- PEM
    region             text NOT NULL DEFAULT '',
    jurisdiction       text NOT NULL DEFAULT '',
    labels             jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    broker_config      text,  -- NULL: the server of collapsed mode, which has no broker
    max_tenants        bigint NOT NULL DEFAULT 1000 CHECK (max_tenants >= 0),
    connection_budget  bigint NOT NULL CHECK (connection_budget > 0),
    accepted           text[] NOT NULL DEFAULT '{}',  -- preflight findings that are taken knowingly
    state              text NOT NULL DEFAULT 'offline' CHECK (state IN ('active', 'full', 'draining', 'offline')),
    version            text NOT NULL DEFAULT '',
    preflight          jsonb NOT NULL DEFAULT '{}',
    preflight_at       timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER registry_server_change
    AFTER INSERT OR DELETE OR UPDATE OF name, addresses, sslmode, ca, broker_config, connection_budget, state, version,
          preflight ON registry_server
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('server', 'id', '');
