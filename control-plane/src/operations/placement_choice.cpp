#include "operations/placement_choice.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace leasehold::control_plane::operations {
namespace {

// Why this server cannot take it; empty: it can.
std::string obstacle(const registry::server& at, const placement_wish& wish)
{
    if (wish.server && at.id != *wish.server) return "another server was asked for";
    if (wish.tier != registry::tier::database)
        return fmt::format("tier {} is not served", to_text(wish.tier));
    if (at.state != "active") return fmt::format("state {}", at.state);
    if (!wish.region.empty() && at.region != wish.region) return fmt::format("region {}", at.region);
    if (!wish.jurisdiction.empty() && at.jurisdiction != wish.jurisdiction) {
        return fmt::format("jurisdiction {}", at.jurisdiction);
    }
    if (at.tenants >= at.max_tenants) return fmt::format("{} of {} tenants", at.tenants, at.max_tenants);
    return {};
}

double used_share(const registry::server& at)
{
    return static_cast<double>(at.tenants) / static_cast<double>(std::max<std::int64_t>(at.max_tenants, 1));
}

bool is_before(const registry::server& one, const registry::server& other)
{
    return std::pair(used_share(one), std::string_view(one.name)) <
           std::pair(used_share(other), std::string_view(other.name));
}

}  // namespace

const registry::server& choose_server(const std::vector<registry::server>& all, const placement_wish& wish)
{
    const registry::server* best = nullptr;
    std::string reasons;
    for (const auto& one : all) {
        const auto why_not = obstacle(one, wish);
        if (!why_not.empty()) {
            reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", one.name, why_not);
        } else if (best == nullptr || is_before(one, *best)) {
            best = &one;
        }
    }
    if (best == nullptr) {
        throw error(
            error_kind::invalid,
            "no_server_fits",
            reasons.empty() ? "no server is registered: run provision-bootstrap"
                            : "no server fits: " + reasons
        );
    }
    return *best;
}

placement_wish wish_of(const nlohmann::json& parameters)
{
    placement_wish wish;
    wish.tier = registry::parse_tier(parameters.value("tier", "database")).value_or(registry::tier::database);
    wish.region = parameters.value("region", "");
    wish.jurisdiction = parameters.value("jurisdiction", "");
    if (const auto server = parameters.value("server_id", ""); !server.empty())
        wish.server = server_id::parse(server);
    return wish;
}

}  // namespace leasehold::control_plane::operations
