#pragma once

#include "gateway/registry_calls.hpp"
#include "stack.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/base/lane.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/routes.hpp>
#include <leasehold/router/agents/gateway.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <nlohmann/json.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::test {

// A tenant with a database of its own on one server of the stack.
struct staged_tenant
{
    staged_tenant(std::string name, const stack_server& on);

    std::string slug;
    tenant_id id;
    std::string tid_text;
    scratch_database database;
    std::unique_ptr<database::pool> pool;  // what the router's platform connections would be
    std::atomic<bool> is_away = false;     // its database cannot be reached

    // One value, as superuser straight on the server.
    [[nodiscard]] std::string value(const std::string& sql) const;
};

// A registry with the router's rights on it, and two tenants on PostgreSQL 15 and 17.
class staged_fleet
{
public:
    staged_fleet();

    std::string
    make_token(const staged_tenant& of, std::int64_t max_uses = 1, const std::string& approval = "auto");
    [[nodiscard]] std::string registry_value(const std::string& sql) const;
    void registry_script(const std::string& sql) const;

    config values;
    hmac_keys keys;
    scratch_database registry;
    staged_tenant acme;
    staged_tenant globex;
    std::unique_ptr<database::pool> router_login;  // rights of leasehold_registry_router
    std::atomic<bool> is_registry_away = false;
};

// The router's own calls of that registry, which may be away, or end the router behind a step.
class staged_registry final : public router::registry_calls
{
public:
    staged_registry(staged_fleet& fleet, registry::routes& at)
        : registry_calls(at, router_id::random())
        , fleet_(fleet)
    {}
    task<router::agents::redeemed> redeem(router::agents::redeem_request what) override;
    task<router::agents::host_outcome> enrolled(
        host_id host, std::string hmac, wall_time expires_at, std::string source_ip, std::string request_id
    ) override;

    // Thrown after the registry has done its part: the router dies there. Step 3, 4 or 5 of the enrollment;
    // 0: never.
    int dies_after_step = 0;

private:
    void check() const;

    staged_fleet& fleet_;
};

// The gateway's ports over those: the directory is read afresh at each look-up.
class staged_ports final : public router::agents::gateway_ports,
                           public router::agents::route_lookup,
                           public router::agents::platform_sessions
{
public:
    staged_ports(asio::io_context& loop, staged_fleet& fleet)
        : loop_(loop)
        , fleet_(fleet)
        , at_(*fleet.router_login)
        , registry_(fleet, at_)
    {}

    asio::io_context& context() noexcept override { return loop_; }
    route_lookup& lookup() noexcept override { return *this; }
    platform_sessions& sessions() noexcept override { return *this; }
    staged_registry& registry() noexcept override { return registry_; }
    void note_refusal(const router::agents::refused_request&) override {}
    [[nodiscard]] std::vector<host_id> enrolling_hosts() const override;

    [[nodiscard]] std::optional<router::agents::tenant_facts> find_tenant(const tenant_id& id) const override;
    [[nodiscard]] std::optional<router::agents::host_facts> find_host(const host_id& id) const override;
    [[nodiscard]] std::optional<tenant_id> find_token(const token_id&) const override { return std::nullopt; }
    [[nodiscard]] router::agents::named_tenant find_name(std::string_view name) const override;
    [[nodiscard]] bool is_loaded() const override { return true; }
    [[nodiscard]] bool is_stale() const override { return false; }
    [[nodiscard]] license_state license() const override { return license_state::ok; }
    [[nodiscard]] std::optional<std::int64_t> licensed_hosts() const override { return std::nullopt; }

    task<std::vector<router::agents::query_result>>
    run(tenant_id tenant, role_class role, std::vector<router::agents::statement> statements) override;

private:
    asio::io_context& loop_;
    staged_fleet& fleet_;
    mutable registry::routes at_;
    staged_registry registry_;
};

// An enrollment token: its text, and the statement that puts its row into a registry.
struct staged_token
{
    std::string text;
    std::string insert;
};
staged_token make_staged_token(
    const hmac_keys& keys,
    const tenant_id& tenant,
    std::int64_t max_uses = 1,
    const std::string& approval = "auto"
);

// An agent's side of the enrollment, written out by hand.
struct staged_machine
{
    crypto::ed25519_pair pair = crypto::make_ed25519_pair();
    std::string name = "web-1";
    std::string fqdn;
    std::string machine_hint;

    [[nodiscard]] http::incoming enrollment(const std::string& token) const;
};

http::incoming agent_call(
    http::method verb, const std::string& path, const std::string& bearer, const std::string& body = ""
);

}  // namespace leasehold::test
