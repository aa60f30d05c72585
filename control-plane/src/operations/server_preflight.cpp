#include "operations/server_preflight.hpp"

#include "servers/examination.hpp"

#include <leasehold/base/log.hpp>

namespace leasehold::control_plane::operations {

bool is_preflight_older(const registry::server& at, std::chrono::hours than, wall_time now)
{
    return !at.preflight_at || *at.preflight_at + than < now;
}

task<void> preflight_server(facilities& with, registry::principal who, registry::server at)
{
    const auto maintenance = co_await with.open_provisioner(at, std::string());
    const auto findings = co_await servers::examine(*maintenance, at, with.access, with.broker, with.workers);
    const auto state = servers::state_of(findings);
    auto version = servers::version_text(maintenance->server_version());
    co_await with.servers.store_preflight(
        std::move(who), at.id, servers::to_json(findings), std::move(version), state
    );
    if ((state == "offline") == (at.state == "offline")) co_return;
    log::warn("server.preflight_changed", {{"server", at.name}, {"from", at.state}, {"to", state}});
}

}  // namespace leasehold::control_plane::operations
