#pragma once

#include <leasehold/registry/servers.hpp>
#include <leasehold/registry/tenants.hpp>

#include <optional>
#include <string>
#include <vector>

namespace leasehold::control_plane::operations {

// What a tenant asks of its place; empty texts ask nothing. Jurisdiction is never relaxed.
struct placement_wish
{
    enum registry::tier tier = registry::tier::database;
    std::string region;
    std::string jurisdiction;
    std::optional<server_id> server;
};

// The server with the lowest share of its tenants used among those that fit, ties by name. Pure.
// Error: invalid no_server_fits, whose detail names the reason per server.
const registry::server& choose_server(const std::vector<registry::server>& all, const placement_wish& wish);

placement_wish wish_of(const nlohmann::json& parameters);

}  // namespace leasehold::control_plane::operations
