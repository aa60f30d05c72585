-- leasehold: phase expand
-- What a router may read of the catalog: exactly what its directory holds. No names of people, no labels of tokens, no
-- platform keys.

CREATE VIEW registry_route_tenant AS
    SELECT t.id, t.tid, t.slug, t.name, t.state, t.generation, t.paused_at, t.edition, t.limits, t.settings,
           p.server_id, p.tier, p.name AS placement_name, p.database, p.schema, p.generation AS placement_generation,
           s.version AS schema_version, s.contract_version, s.own_version, s.checksum AS schema_checksum
      FROM registry_tenant t
      LEFT JOIN registry_placement p ON p.tenant_id = t.id AND p.state = 'current'
      LEFT JOIN registry_schema_state s ON s.tenant_id = t.id AND s.chain = 'tenant'
     WHERE t.state <> 'deleted';

CREATE VIEW registry_route_server AS
    SELECT id, name, to_jsonb(addresses) AS addresses, sslmode, ca, region, broker_config, connection_budget, state,
           version, preflight
      FROM registry_server;

CREATE VIEW registry_route_domain AS
    SELECT domain, tenant_id, upstream FROM registry_domain WHERE verified_at IS NOT NULL;

-- Ended and revoked ones as well: their holder is told so.
CREATE VIEW registry_route_key AS
    SELECT id, tenant_id, role, secret_hmac, postgres, scram_verifier, expires_at, revoked_at
      FROM registry_api_key WHERE tenant_id IS NOT NULL;

CREATE VIEW registry_route_host AS
    SELECT id, tenant_id, name, state, generation, public_key, credential_hmac, credential_expires_at, next_hmac,
           next_expires_at, previous_hmac, promoted_at, confirmed_at
      FROM registry_host;

-- Which tenant a token names. Whether it is good is for registry_redeem() to say.
CREATE VIEW registry_route_token AS
    SELECT id, tenant_id FROM registry_enrollment_token;

CREATE VIEW registry_route_license AS
    SELECT document, first_seen, high_water_time FROM registry_license;

CREATE VIEW registry_route_setting AS
    SELECT key, value FROM registry_setting WHERE key IN ('installation', 'hmac_fingerprints');
