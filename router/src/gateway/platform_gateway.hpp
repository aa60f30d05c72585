#pragma once

#include "front/front_lane.hpp"

#include <leasehold/registry/routes.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::router {

// The router's side of the agent gateway's ports: directory, platform connections, functions of the registry.
// On one front lane.
class platform_gateway final : public agents::gateway_ports,
                               public agents::route_lookup,
                               public agents::platform_sessions,
                               public agents::enrollment_registry
{
public:
    platform_gateway(front_lane& on, registry::routes& at, router_id self) : on_(on), at_(at), self_(self) {}

    asio::io_context& context() noexcept override { return on_.context(); }
    agents::route_lookup& lookup() noexcept override { return *this; }
    agents::platform_sessions& sessions() noexcept override { return *this; }
    agents::enrollment_registry& registry() noexcept override { return *this; }
    [[nodiscard]] std::vector<host_id> enrolling_hosts() const override;

    [[nodiscard]] std::optional<agents::tenant_facts> find_tenant(const tenant_id& id) const override;
    [[nodiscard]] std::optional<agents::host_facts> find_host(const host_id& id) const override;
    [[nodiscard]] std::optional<tenant_id> find_token(const token_id& id) const override;
    [[nodiscard]] agents::named_tenant find_name(std::string_view host_or_sni) const override;
    [[nodiscard]] bool is_loaded() const override;
    [[nodiscard]] bool is_stale() const override;
    [[nodiscard]] license_state license() const override;
    [[nodiscard]] std::optional<std::int64_t> licensed_hosts() const override;

    task<std::vector<agents::query_result>>
    run(tenant_id tenant, role_class role, std::vector<agents::statement> statements) override;

    task<agents::redeemed> redeem(agents::redeem_request what) override;
    task<agents::host_outcome> enrolled(
        host_id host,
        std::string credential_hmac,
        wall_time expires_at,
        std::string source_ip,
        std::string request_id
    ) override;
    task<agents::host_outcome> renew(agents::renew_request what) override;
    task<agents::host_outcome> promote(host_id host, std::vector<std::string> hmacs) override;
    task<agents::host_outcome> lock(
        host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
    ) override;
    task<void> seen(std::vector<host_id> hosts) override;
    task<void> audit(agents::audit_request what) override;
    task<std::int64_t> expire(std::chrono::milliseconds age) override;

private:
    front_lane& on_;
    registry::routes& at_;
    router_id self_;
};

}  // namespace leasehold::router
