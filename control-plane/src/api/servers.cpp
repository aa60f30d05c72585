#include "api/servers.hpp"

#include "auth/caller.hpp"

namespace leasehold::control_plane {

void servers_api::mount(http::routes& on)
{
    on.get("/api/v1/servers", may::read_servers, this, &servers_api::list);
    on.get("/api/v1/servers/{server_id}", may::read_servers, this, &servers_api::show)
        .codes({"server_not_found"});
}

task<http::page<server_view>> servers_api::list(const http::context&)
{
    const auto found = co_await with_.servers.list();
    http::page<server_view> page;
    for (const auto& one : found) page.items.push_back(to_view(one));
    co_return page;
}

task<server_view> servers_api::show(const http::context& ctx)
{
    const auto found = co_await with_.servers.get(ctx.path_id<server_id>("server_id"));
    co_return to_view(found);
}

}  // namespace leasehold::control_plane
