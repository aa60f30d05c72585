#include "operations/suspend.hpp"

#include "operations/removal.hpp"
#include "operations/verification.hpp"
#include "servers/placement_rights.hpp"
#include "servers/session_cut.hpp"

#include <array>

namespace leasehold::control_plane::operations {
namespace {

constexpr std::array suspended_classes{role_class::rw, role_class::ro};
constexpr std::chrono::seconds patience(10);

}  // namespace

task<nlohmann::json> close_tenant_gate(facilities& with, tenant_id tenant)
{
    const auto at = co_await with.current_place(tenant);
    co_await with.with_maintenance(at.server, [&](database::session& maintenance) {
        servers::close_gate(maintenance, at.where);
    });
    co_return nlohmann::json{{"database", at.where.database}};
}

task<nlohmann::json> cut_tenant_sessions(facilities& with, tenant_id tenant)
{
    const auto at = co_await with.current_place(tenant);
    const servers::role_names names(at.where.name);
    const int ended = co_await with.with_maintenance(at.server, [&](database::session& maintenance) {
        return servers::cut(maintenance, at.where.database, names.tenant_logins(), patience);
    });
    co_return nlohmann::json{{"sessions_ended", ended}};
}

task<nlohmann::json> revoke_tenant_leases(facilities& with, tenant_id tenant)
{
    const auto at = co_await with.current_place(tenant);
    for (const auto what : suspended_classes) {
        co_await revoke_all_leases(
            with, vault_client::broker_role(servers::broker_role_name(what, at.where))
        );
    }
    co_return co_await cut_tenant_sessions(with, tenant);
}

task<nlohmann::json> suspend::run_step(std::string step, const step_context& context)
{
    const auto tenant = context.tenant();
    if (step == "state") {
        std::vector<std::string> from{"active"};
        const auto reason = nlohmann::json{{"reason", context.operation.parameters.value("reason", "")}};
        const auto done = co_await with_.tenants.transition(
            context.who, tenant, std::move(from), "suspended", "tenant.suspend", reason
        );
        co_return nlohmann::json{{"change", done.change}};
    }
    if (step == "routers") {
        const auto change = context.output_of("state").at("change").get<std::int64_t>();
        co_return co_await with_.all_routers_at(change, std::chrono::seconds(5));
    }
    if (step == "gate") co_return co_await close_tenant_gate(with_, tenant);
    if (step == "cut") co_return co_await cut_tenant_sessions(with_, tenant);
    if (step == "leases") co_return co_await revoke_tenant_leases(with_, tenant);

    const auto at = co_await with_.current_place(tenant);
    co_await verify_gate_closed(with_, at);
    co_return nlohmann::json{{"state", "suspended"}};
}

task<nlohmann::json> resume::run_step(std::string step, const step_context& context)
{
    const auto tenant = context.tenant();
    if (step == "state") {
        std::vector<std::string> from{"suspended"};
        const auto done = co_await with_.tenants.transition(
            context.who, tenant, std::move(from), "active", "tenant.resume"
        );
        const auto seen = co_await with_.all_routers_at(done.change, std::chrono::seconds(5));
        co_return nlohmann::json{{"state", "active"}, {"routers", seen.at("routers")}};
    }
    const auto at = co_await with_.current_place(tenant);
    if (step == "gate") {
        co_await with_.with_maintenance(at.server, [&](database::session& maintenance) {
            servers::open_gate(maintenance, at.where);
        });
    } else {
        co_await verify_gate_open(with_, at);
    }
    co_return nlohmann::json{{"database", at.where.database}};
}

}  // namespace leasehold::control_plane::operations
