#include "operations/removal.hpp"

#include "servers/placement_database.hpp"
#include "servers/role_removal.hpp"
#include "servers/session_cut.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leasehold::control_plane::operations {
namespace {

constexpr std::array all_classes{role_class::rw, role_class::ro, role_class::migrate};
constexpr std::chrono::seconds cut_patience(10);

}  // namespace

task<void> revoke_all_leases(facilities& with, vault_client::broker_role role)
{
    co_await with.broker.revoke_prefix(role, vault_client::completion::done);
    const auto left = co_await with.broker.list_leases(role, vault_client::page_start());
    if (!left.items.empty()) {
        throw error(
            error_kind::unavailable,
            "leases_left",
            fmt::format("{} leases of {} are left", left.items.size(), role.text())
        );
    }
}

task<nlohmann::json> remove_leases(facilities& with, facilities::place at)
{
    for (const auto what : all_classes) {
        const vault_client::broker_role role(servers::broker_role_name(what, at.where));
        const auto there = co_await with.broker.get_role(role);
        if (!there) continue;
        co_await revoke_all_leases(with, role);
        co_await with.broker.delete_role(role);
    }
    const auto tenant_tid = tid::of(at.where.tenant).text();
    const servers::role_names names(at.where.name);
    const auto open_inside = co_await with.opener(at.server);
    const int ended = co_await with.with_maintenance(at.server, [&](database::session& maintenance) {
        const int cut = servers::cut(maintenance, at.where.database, names.logins(), cut_patience);
        servers::drop_lease_logins(maintenance, tenant_tid, open_inside);
        return cut;
    });
    co_return nlohmann::json{{"sessions_ended", ended}};
}

task<nlohmann::json> remove_placement(facilities& with, facilities::place at)
{
    const auto open_inside = co_await with.opener(at.server);
    const auto left = co_await with.with_maintenance(at.server, [&](database::session& maintenance) {
        const servers::role_names names(at.where.name);
        servers::cut(maintenance, at.where.database, names.logins(), cut_patience);
        servers::drop_placement_database(maintenance, at.where, at.marker);
        servers::drop_placement_roles(maintenance, at.where, open_inside);
        return servers::roles_left(maintenance, tid::of(at.where.tenant).text());
    });
    const auto own = servers::role_names(at.where.name).all();
    for (const auto& role : left) {
        const bool is_own = std::find(own.begin(), own.end(), role) != own.end();
        if (is_own || role.rfind("lease_", 0) == 0) {
            throw error(error_kind::internal, "roles_left", fmt::format("role {} is left", role));
        }
    }
    co_return nlohmann::json{{"database", at.where.database}, {"server", at.server.name}};
}

}  // namespace leasehold::control_plane::operations
