#pragma once

#include "relay/admitted.hpp"

#include <leasehold/registry/routes.hpp>
#include <leasehold/router/directory.hpp>

#include <optional>
#include <set>
#include <utility>
#include <vector>

// From rows of the registry to what the directory holds, and from two directories to what must be done about
// it.
namespace leasehold::router {

tenant_record to_record(const registry::route_tenant& row);
std::optional<key_record> to_record(const registry::route_key& row);  // empty: a role nobody knows
host_record to_record(const registry::route_host& row);
token_record to_record(const registry::route_token& row);
domain_record to_record(const registry::route_domain& row);
server_record to_record(const registry::route_server& row);

// What change rows name, beside the rows of the directory.
struct change_summary
{
    registry::route_names names;
    bool has_license = false;
    std::set<tenant_id> leases_to_drop;  // `lease` rows
};
change_summary to_summary(const std::vector<registry::change_row>& rows);
// As if everything had been named that could be acted upon: after a load beside a serving directory.
change_summary to_summary(const directory& all);

// The rows that were named: present, or gone.
directory_change to_change(const registry::route_names& names, const registry::route_rows& present);

// What a new directory asks of sessions, connections and leases.
struct acts
{
    std::set<tenant_id> tenants_to_kill;    // sessions, waiters, server connections
    std::set<tenant_id> tenants_to_retire;  // their leases
    std::set<tenant_id> leases_to_replace;  // whoever is killed below could have sent them SQL
    std::vector<relay::principal> principals_to_kill;
    // Whose right ends at another moment than before; absent: it does not.
    std::vector<std::pair<relay::principal, std::optional<wall_time>>> principals_to_limit;
    [[nodiscard]] bool empty() const noexcept
    {
        return tenants_to_kill.empty() && tenants_to_retire.empty() && principals_to_kill.empty() &&
               principals_to_limit.empty();
    }
    void add(acts more);
};
acts acts_between(
    const directory& before, const directory& after, const change_summary& changed, wall_time now
);

}  // namespace leasehold::router
