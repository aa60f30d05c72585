#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct host_view
{
    std::string id;
    std::string name;
    std::string fqdn;
    std::string cluster_name;
    std::string platform;
    std::string os_name;
    std::string os_version;
    std::string agent_version;
    std::string status;
    std::string approval;
    std::string last_seen_at;
    std::int64_t packages = 0;
};

struct host_state_view
{
    std::string id;
    std::string state;
};

// /api/v1/tenants/{tenant_id}/hosts: tenant data, read through the router with a ticket; state changes go to
// the registry first and act on the gateway by the change feed.
class hosts_api
{
public:
    explicit hosts_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<host_view>> list(const http::context& ctx, list_query query);
    task<host_state_view> approve(const http::context& ctx);
    task<host_state_view> reject(const http::context& ctx);
    task<host_state_view> lock(const http::context& ctx);
    task<host_state_view> revoke(const http::context& ctx);
    task<host_state_view> decide(
        const http::context& ctx,
        std::vector<std::string> from,
        std::string to,
        std::string action,
        std::string approval
    );

    services& with_;
};

}  // namespace leasehold::control_plane
