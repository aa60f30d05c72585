-- leasehold: phase expand
-- DNS names of tenants: A-labels, lower case, no trailing dot.

CREATE TABLE registry_domain (
    domain              text PRIMARY KEY
                        CHECK (length(domain) <= 253
                               AND domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$'),
    tenant_id           uuid NOT NULL REFERENCES registry_tenant,
    upstream            text CHECK (upstream ~ '^https?://'),  -- written by platform operators only
    verification_token  text,
    verified_at         timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registry_domain_tenant ON registry_domain (tenant_id);

CREATE TRIGGER registry_domain_change
    AFTER INSERT OR DELETE OR UPDATE OF tenant_id, upstream, verified_at ON registry_domain
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('domain', 'domain', 'tenant_id');
