#include "operations/remove_tenant.hpp"

#include "operations/removal.hpp"
#include "operations/suspend.hpp"
#include "servers/catalog.hpp"
#include "servers/role_removal.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::operations {

task<nlohmann::json> remove_tenant::run_step(std::string step, const step_context& context)
{
    const auto tenant = context.tenant();
    if (step == "state") co_return co_await state(context);
    if (step == "grace") co_return co_await grace(context);
    if (step == "routes") co_return co_await with_.tenants.remove_routes(context.who, tenant);
    if (step == "routers") {
        const auto change = context.output_of("routes").value("change", std::int64_t{0});
        co_return co_await with_.all_routers_at(change, std::chrono::seconds(5));
    }
    if (step == "leases") co_return co_await leases(context);
    if (step == "placements") co_return co_await placements(context);
    if (step == "look") co_return co_await look(context);
    if (step == "registry") co_return co_await registry_rows(context);

    // A tenant that never got a placement has nothing to close.
    const auto found = co_await with_.tenants.get(tenant);
    if (!found.where) co_return nlohmann::json{{"placement", nullptr}};
    if (step == "gate") co_return co_await close_tenant_gate(with_, tenant);
    if (step == "cut") co_return co_await cut_tenant_sessions(with_, tenant);
    co_return co_await revoke_tenant_leases(with_, tenant);
}

task<nlohmann::json> remove_tenant::state(const step_context& context)
{
    std::vector<std::string> from{"active", "suspended", "failed", "provisioning"};
    const auto done = co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "deleting", "tenant.delete"
    );
    const auto seen = co_await with_.all_routers_at(done.change, std::chrono::seconds(5));
    co_return nlohmann::json{{"change", done.change}, {"routers", seen.at("routers")}};
}

task<nlohmann::json> remove_tenant::grace(const step_context& context)
{
    const auto wanted =
        std::chrono::seconds(context.operation.parameters.value("grace_seconds", std::int64_t{0}));
    const auto until = context.operation.created_at + wanted;
    const auto now = real_clock().wall();
    if (now < until) {
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(until - now);
        throw must_wait("grace", rest + std::chrono::milliseconds(1));
    }
    co_return nlohmann::json{{"grace_seconds", wanted.count()}};
}

task<nlohmann::json> remove_tenant::leases(const step_context& context)
{
    const auto all = co_await with_.tenants.placements(context.tenant());
    int ended = 0;
    for (const auto& where : all) {
        auto at = co_await with_.place_of(where);
        const auto done = co_await remove_leases(with_, std::move(at));
        ended += done.value("sessions_ended", 0);
    }
    co_return nlohmann::json{{"placements", all.size()}, {"sessions_ended", ended}};
}

task<nlohmann::json> remove_tenant::placements(const step_context& context)
{
    const auto all = co_await with_.tenants.placements(context.tenant());
    nlohmann::json dropped = nlohmann::json::array();
    for (const auto& where : all) {
        auto at = co_await with_.place_of(where);
        auto done = co_await remove_placement(with_, std::move(at));
        dropped.push_back(std::move(done));
    }
    co_return nlohmann::json{{"dropped", dropped}};
}

task<nlohmann::json> remove_tenant::look(const step_context& context)
{
    const auto all = co_await with_.tenants.placements(context.tenant());
    const auto tenant_tid = tid::of(context.tenant()).text();
    nlohmann::json stores = nlohmann::json::array();
    for (const auto& where : all) {
        const auto at = co_await with_.place_of(where);
        std::vector<std::string> left;
        bool database_left = false;
        co_await with_.with_maintenance(at.server, [&](database::session& maintenance) {
            left = servers::roles_left(maintenance, tenant_tid);
            database_left = servers::database_exists(maintenance, at.where.database);
        });
        int broker_left = 0;
        for (const auto what : {role_class::rw, role_class::ro, role_class::migrate}) {
            const vault_client::broker_role role(servers::broker_role_name(what, at.where));
            const auto there = co_await with_.broker.get_role(role);
            const auto listed = co_await with_.broker.list_leases(role, vault_client::page_start());
            broker_left += (there ? 1 : 0) + static_cast<int>(listed.items.size());
        }
        if (!left.empty() || database_left || broker_left != 0) {
            throw error(
                error_kind::internal,
                "removal_incomplete",
                fmt::format("something is left on {}", at.server.name)
            );
        }
        stores.push_back(
            {{"server", at.server.name}, {"database", at.where.database}, {"roles", 0}, {"leases", 0}}
        );
    }
    co_return nlohmann::json{{"looked_at", stores}};
}

task<nlohmann::json> remove_tenant::registry_rows(const step_context& context)
{
    const auto all = co_await with_.tenants.placements(context.tenant());
    for (const auto& where : all) {
        co_await with_.tenants.forget_placement(context.who, context.tenant(), where.generation);
    }
    std::vector<std::string> from{"deleting"};
    co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "deleted", "tenant.deleted"
    );
    log::info("tenant.deleted", {{"tenant", tid::of(context.tenant()).text()}});
    co_return nlohmann::json{{"state", "deleted"}};
}

task<void> remove_tenant::cancel(const step_context& context)
{
    if (context.outputs.count("grace") != 0) {
        throw error(error_kind::conflict, "operation_state", "the grace is over: removal has begun");
    }
    std::vector<std::string> from{"deleting"};
    co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "suspended", "tenant.delete_cancelled"
    );
}

}  // namespace leasehold::control_plane::operations
