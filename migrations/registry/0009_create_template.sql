-- leasehold: phase expand
-- Template databases on tenant servers, one per server and checksum of the tenant chain.

CREATE TABLE registry_template (
    server_id       uuid NOT NULL REFERENCES registry_server ON DELETE CASCADE,
    chain_checksum  text NOT NULL CHECK (chain_checksum ~ '^[0-9a-f]{64}$'),
    database        text NOT NULL,
    state           text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'retired')),
    fingerprint     text,
    built_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (server_id, chain_checksum),
    UNIQUE (server_id, database)
);
