-- leasehold: phase expand
-- Enrollment tokens and the hosts that joined with them. Names are not identity: the id is the host, the key pair
-- proves it. Inventory and everything else a host tells lies in its tenant's database.

CREATE TABLE registry_enrollment_token (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id     uuid NOT NULL REFERENCES registry_tenant,
    label         text NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    secret_hmac   text NOT NULL CHECK (secret_hmac ~ '^[0-9a-f]+[$][0-9A-Za-z+/=_-]{43,88}$'),
    expires_at    timestamptz NOT NULL,
    max_uses      bigint NOT NULL DEFAULT 1 CHECK (max_uses BETWEEN 1 AND 100000),
    uses          bigint NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    approval      text NOT NULL DEFAULT 'auto' CHECK (approval IN ('auto', 'manual')),
    cidr          cidr,
    tags          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tags) = 'object'),
    host_id       uuid,  -- bound: it enrolls this host and no other
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz,
    revoked_at    timestamptz
);
CREATE INDEX registry_enrollment_token_tenant ON registry_enrollment_token (tenant_id);
CREATE INDEX registry_enrollment_token_host ON registry_enrollment_token (host_id) WHERE host_id IS NOT NULL;

CREATE TABLE registry_host (
    id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id              uuid NOT NULL REFERENCES registry_tenant,
    name                   text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    state                  text NOT NULL DEFAULT 'enrolling'
                           CHECK (state IN ('enrolling', 'pending', 'active', 'locked', 'revoked')),
    public_key             bytea CHECK (length(public_key) = 32),  -- Ed25519; NULL: made beforehand, not yet enrolled
    machine_hint           text,
    generation             bigint NOT NULL DEFAULT 0,  -- of the credential; 0 = none yet
    credential_hmac        text,
    credential_expires_at  timestamptz,
    next_hmac              text,  -- issued, not yet used: generation + 1
    next_expires_at        timestamptz,
    previous_hmac          text,  -- generation - 1
    promoted_at            timestamptz,
    confirmed_at           timestamptz,  -- first authenticated call since the enrollment
    token_id               uuid REFERENCES registry_enrollment_token ON DELETE SET NULL,
    redeemed_at            timestamptz,  -- a replay of the enrollment is answered for 24 h from here
    enrolled_at            timestamptz,
    last_seen_at           timestamptz,  -- coarse
    lock_reason            text,
    created_at             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registry_host_tenant ON registry_host (tenant_id, state);
CREATE UNIQUE INDEX registry_host_redeemed ON registry_host (token_id, public_key);
CREATE INDEX registry_host_licensed ON registry_host (id) WHERE state <> 'revoked';
CREATE INDEX registry_host_unfinished ON registry_host (redeemed_at) WHERE state = 'enrolling';

ALTER TABLE registry_enrollment_token
    ADD CONSTRAINT registry_enrollment_token_host FOREIGN KEY (host_id) REFERENCES registry_host ON DELETE CASCADE;

CREATE TRIGGER registry_enrollment_token_change
    AFTER INSERT OR DELETE OR UPDATE OF secret_hmac, expires_at, max_uses, approval, cidr, tags, revoked_at
    ON registry_enrollment_token
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('token', 'id', 'tenant_id');
CREATE TRIGGER registry_host_change
    AFTER INSERT OR DELETE OR UPDATE OF state, public_key, generation, credential_hmac, credential_expires_at, next_hmac,
          previous_hmac, confirmed_at
    ON registry_host
    FOR EACH ROW EXECUTE FUNCTION registry_change_feed('host', 'id', 'tenant_id');
