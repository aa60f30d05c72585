#pragma once

#include "front/front_lane.hpp"
#include "gateway/registry_calls.hpp"

#include <leasehold/router/agents/ports.hpp>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::router {

// The router's side of the agent gateway's ports: directory, platform connections, functions of the registry.
// On one front lane.
class platform_gateway final : public agents::gateway_ports,
                               public agents::route_lookup,
                               public agents::platform_sessions
{
public:
    platform_gateway(front_lane& on, registry::routes& at, router_id self) : on_(on), calls_(at, self) {}

    asio::io_context& context() noexcept override { return on_.context(); }
    agents::route_lookup& lookup() noexcept override { return *this; }
    agents::platform_sessions& sessions() noexcept override { return *this; }
    agents::enrollment_registry& registry() noexcept override { return calls_; }
    void note_refusal(const agents::refused_request& what) override;
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

private:
    front_lane& on_;
    registry_calls calls_;
};

}  // namespace leasehold::router
