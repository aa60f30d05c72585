-- leasehold: phase expand
-- How far each partition and each tenant's database is, as the engine last saw it. The version rows inside the
-- database are the truth; these are what a plan compares without connecting anywhere.

CREATE TABLE registry_schema_state (
    chain             text NOT NULL CHECK (chain IN ('registry', 'shared', 'tenant')),
    tenant_id         uuid REFERENCES registry_tenant,  -- NULL for the partitions registry and shared
    version           bigint NOT NULL,
    contract_version  bigint NOT NULL DEFAULT 0,
    own_version       bigint NOT NULL DEFAULT 0,  -- highest of the operator's own files
    checksum          text NOT NULL,              -- of the chain as applied
    drift             jsonb,
    fingerprint       text,
    verified_at       timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((chain = 'tenant') = (tenant_id IS NOT NULL)),
    CONSTRAINT registry_schema_state_key UNIQUE NULLS NOT DISTINCT (tenant_id, chain)
);

CREATE TRIGGER registry_schema_state_change
    AFTER INSERT OR DELETE OR UPDATE OF version, contract_version, own_version, checksum ON registry_schema_state
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('schema', 'chain', 'tenant_id');
