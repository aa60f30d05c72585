-- leasehold: phase expand
-- Who may do what. The roles are made by deploy/registry.sql. The control plane writes the catalog, but neither a
-- tenant's state nor the audit chain other than through their functions. The router reads routing views and the feed,
-- and calls the functions of its trade. The owner of the chain, leasehold_registry_migrate, needs no grant.

REVOKE EXECUTE ON FUNCTION
    registry_change_notify(), registry_announce(text, uuid, jsonb), registry_change_feed(),
    registry_audit_refuse(),
    registry_audit_hash(bytea, bigint, timestamptz, text, text, uuid, text, text, inet, text, jsonb),
    registry_append_audit(text, text, uuid, text, text, inet, text, jsonb), registry_verify_audit(),
    registry_tenant_may_become(text, text), registry_tenant_guard(),
    registry_tenant_transition(uuid, text[], text, text, text, text, inet, jsonb), registry_placement_moved(),
    registry_license_lock(), registry_same_secret(text, text[]),
    registry_redeem(uuid, text[], bytea, text, text, inet, uuid[], bigint, bigint, text, text),
    registry_enrollments_expire(interval),
    registry_host_enrolled(uuid, text, timestamptz, inet, text),
    registry_host_renew(uuid, bigint, text, timestamptz, bytea, interval, inet, text),
    registry_host_promote(uuid, text[]), registry_host_lock(uuid, text, inet, text, jsonb),
    registry_hosts_seen(uuid[]), registry_keys_used(uuid[]),
    registry_operation_notify(), registry_operation_claim(text, interval),
    registry_operation_hold(uuid, bigint, interval),
    registry_router_register(uuid, text, text, text, jsonb, bigint, text, text), registry_router_beat(uuid, jsonb),
    registry_router_ack(uuid, bigint, bigint[]), registry_router_deregister(uuid),
    registry_router_audit(uuid, text, uuid, text, text, inet, text, jsonb), registry_routers_behind(bigint),
    registry_routers_of(text),
    registry_collapsed_grant()
    FROM PUBLIC;

GRANT SELECT ON registry_schema_version TO leasehold_registry_control, leasehold_registry_router;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    registry_server, registry_placement, registry_domain, registry_schema_state, registry_template, registry_api_key,
    registry_enrollment_token, registry_host, registry_operation, registry_operation_step, registry_router,
    registry_setting
    TO leasehold_registry_control;
GRANT SELECT, INSERT (id, tid, slug, name, edition, limits, settings, created_by),
      UPDATE (slug, name, edition, limits, settings, paused_at) ON registry_tenant TO leasehold_registry_control;
GRANT SELECT, UPDATE (document, installed_by, first_seen, high_water_time) ON registry_license
    TO leasehold_registry_control;
GRANT SELECT, DELETE ON registry_change TO leasehold_registry_control;
GRANT SELECT ON registry_audit_event, registry_audit_head TO leasehold_registry_control;
GRANT EXECUTE ON FUNCTION
    registry_announce(text, uuid, jsonb),
    registry_audit_hash(bytea, bigint, timestamptz, text, text, uuid, text, text, inet, text, jsonb),
    registry_append_audit(text, text, uuid, text, text, inet, text, jsonb), registry_verify_audit(),
    registry_tenant_may_become(text, text),
    registry_tenant_transition(uuid, text[], text, text, text, text, inet, jsonb),
    registry_license_lock(), registry_enrollments_expire(interval),
    registry_operation_claim(text, interval), registry_operation_hold(uuid, bigint, interval),
    registry_router_register(uuid, text, text, text, jsonb, bigint, text, text), registry_router_beat(uuid, jsonb),
    registry_router_deregister(uuid), registry_routers_behind(bigint), registry_keys_used(uuid[])
    TO leasehold_registry_control;

GRANT SELECT ON
    registry_route_tenant, registry_route_server, registry_route_domain, registry_route_key, registry_route_host,
    registry_route_token, registry_route_license, registry_route_setting
    TO leasehold_registry_router, leasehold_registry_control;
GRANT SELECT ON registry_change TO leasehold_registry_router;
GRANT EXECUTE ON FUNCTION
    registry_redeem(uuid, text[], bytea, text, text, inet, uuid[], bigint, bigint, text, text),
    registry_enrollments_expire(interval),
    registry_host_enrolled(uuid, text, timestamptz, inet, text),
    registry_host_renew(uuid, bigint, text, timestamptz, bytea, interval, inet, text),
    registry_host_promote(uuid, text[]), registry_host_lock(uuid, text, inet, text, jsonb),
    registry_hosts_seen(uuid[]), registry_keys_used(uuid[]),
    registry_router_register(uuid, text, text, text, jsonb, bigint, text, text), registry_router_beat(uuid, jsonb),
    registry_router_ack(uuid, bigint, bigint[]), registry_router_deregister(uuid),
    registry_router_audit(uuid, text, uuid, text, text, inet, text, jsonb), registry_routers_of(text)
    TO leasehold_registry_router;
