-- leasehold: phase expand
-- Template databases on tenant servers, one per server and checksum of the tenant chain.

CREATE TABLE registry_template (
    server_id       uuid NOT NULL REFERENCES registry_server ON DELETE CASCADE,
    chain_checksum  text NOT NULL CHECK (chain_checksum ~ '^[0-9a-f]{64}$'),
    database        text NOT NULL,
    state           text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'ready', 'retired')),
    fingerprint     text,
    owner           text,         -- the worker that builds it
    lease_until     timestamptz,  -- and until when it is taken to be alive
    created_at      timestamptz NOT NULL DEFAULT now(),
    built_at        timestamptz,
    PRIMARY KEY (server_id, chain_checksum),
    UNIQUE (server_id, database)
);
