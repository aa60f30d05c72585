#pragma once

#include <leasehold/http/context.hpp>
#include <leasehold/http/permission.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <string>
#include <utility>

namespace leasehold::router::agents {

// What an agent may be allowed to do. Which host states allow it: host_authorizer.
namespace may {
inline constexpr http::permission beat{"agent.heartbeat", http::scope::principal};
inline constexpr http::permission store{"agent.store", http::scope::principal};
inline constexpr http::permission read_self{"agent.self", http::scope::principal};
inline constexpr http::permission renew{"agent.credential", http::scope::principal};
}  // namespace may

// A host whose credential was verified, and the tenant of its registry row: the only one that can be named.
class host_principal final : public http::principal
{
public:
    host_principal(host_facts host, tenant_facts tenant, wall_time expires_at, bool is_expired)
        : host_(std::move(host))
        , tenant_(std::move(tenant))
        , expires_at_(expires_at)
        , is_expired_(is_expired)
    {}
    [[nodiscard]] std::string log_name() const override { return "host:" + host_.id.to_string(); }
    [[nodiscard]] std::string tenant() const override { return tenant_.tid; }

    [[nodiscard]] const host_facts& host() const noexcept { return host_; }
    [[nodiscard]] const tenant_facts& of_tenant() const noexcept { return tenant_; }
    [[nodiscard]] wall_time expires_at() const noexcept
    {
        return expires_at_;
    }  // of the presented credential
    [[nodiscard]] bool is_expired() const noexcept { return is_expired_; }
    [[nodiscard]] bool is_pending() const noexcept { return host_.state == "pending"; }

private:
    host_facts host_;
    tenant_facts tenant_;
    wall_time expires_at_;
    bool is_expired_;
};

inline const host_principal& host_of(const http::context& ctx)
{
    return ctx.principal_as<host_principal>();
}

}  // namespace leasehold::router::agents
