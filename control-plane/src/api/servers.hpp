#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

// /api/v1/servers: the PostgreSQL servers that hold tenants, with their last preflight.
class servers_api
{
public:
    explicit servers_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<server_view>> list(const http::context& ctx);
    task<server_view> show(const http::context& ctx);

    services& with_;
};

}  // namespace leasehold::control_plane
