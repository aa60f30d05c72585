-- leasehold: phase expand
-- API keys of tenants and of the platform. The secret itself is never stored: '<key number>$<hmac>'.

CREATE TABLE registry_api_key (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id       uuid REFERENCES registry_tenant,  -- NULL: a platform key
    role            text NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    secret_hmac     text NOT NULL CHECK (secret_hmac ~ '^[0-9a-f]+[$][0-9A-Za-z+/=_-]{43,88}$'),
    postgres        boolean NOT NULL DEFAULT false,
    scram_verifier  text CHECK (scram_verifier LIKE 'SCRAM-SHA-256$%'),
    replaces        uuid REFERENCES registry_api_key ON DELETE SET NULL,
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    last_used_at    timestamptz,
    revoked_at      timestamptz,
    CHECK (CASE WHEN tenant_id IS NULL THEN role IN ('auditor', 'operator', 'owner')
                ELSE role IN ('read', 'write', 'admin') END),
    CHECK (postgres = (scram_verifier IS NOT NULL) AND NOT (postgres AND tenant_id IS NULL))
);
CREATE INDEX registry_api_key_tenant ON registry_api_key (tenant_id);
CREATE INDEX registry_api_key_replaces ON registry_api_key (replaces) WHERE replaces IS NOT NULL;

CREATE TRIGGER registry_api_key_change
    AFTER INSERT OR DELETE OR UPDATE OF role, secret_hmac, postgres, scram_verifier, expires_at, revoked_at
    ON registry_api_key
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('key', 'id', 'tenant_id');
