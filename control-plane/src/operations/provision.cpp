#include "operations/provision.hpp"

#include "operations/removal.hpp"
#include "operations/server_preflight.hpp"
#include "operations/template_builder.hpp"
#include "operations/verification.hpp"
#include "servers/lease_login.hpp"
#include "servers/placement_database.hpp"
#include "servers/placement_rights.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/migrations/apply.hpp>

#include <array>

namespace leasehold::control_plane::operations {
namespace {

constexpr std::array leased_classes{role_class::rw, role_class::ro, role_class::migrate};

vault_client::role_terms terms_of(role_class what, const facilities::place& at, int server_version)
{
    vault_client::role_terms terms;
    terms.server = vault_client::config_name(at.server.broker_config.value());
    terms.creation_statements = servers::creation_statements(what, at.where, server_version);
    terms.revocation_statements = servers::revocation_statements();
    terms.default_ttl = what == role_class::migrate ? std::chrono::minutes(15) : std::chrono::hours(1);
    terms.max_ttl = std::chrono::hours(24);
    return terms;
}

}  // namespace

task<nlohmann::json> provision::run_step(std::string step, const step_context& context)
{
    if (step == "reserve") co_return co_await reserve(context);
    if (step == "create_database") co_return co_await create_database(context);
    if (step == "grant_rights") co_return co_await grant_rights(context);
    if (step == "broker_roles") co_return co_await broker_roles(context);
    if (step == "schema") co_return co_await schema(context);
    if (step == "verify") co_return co_await verify(context);
    co_return co_await publish(context);
}

task<facilities::place> provision::target(const step_context& context)
{
    const auto generation = context.output_of("reserve").at("generation").get<std::int64_t>();
    const auto all = co_await with_.tenants.placements(context.tenant());
    const registry::placement* mine = nullptr;
    for (const auto& one : all) {
        if (one.generation == generation) mine = &one;
    }
    if (mine == nullptr)
        throw error(error_kind::conflict, "placement_stale", "the reserved placement is gone");
    co_return co_await with_.place_of(*mine);
}

// A retry begins at the step that failed, whichever it was: the tenant is being made again.
task<void> provision::begin(const step_context& context)
{
    const auto tenant = co_await with_.tenants.get(context.tenant());
    if (tenant.state != "failed") co_return;
    std::vector<std::string> from{"failed"};
    co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "provisioning", "tenant.retry"
    );
}

// A server whose preflight has aged is looked over first; what that finds may send the tenant elsewhere.
task<registry::server> provision::choose(const step_context& context, placement_wish wish)
{
    for (;;) {
        const auto all = co_await with_.servers.list();
        const auto& best = choose_server(all, wish);
        if (!is_preflight_older(best, preflight_validity, real_clock().wall())) co_return best;
        co_await preflight_server(with_, context.who, best);
    }
}

task<nlohmann::json> provision::reserve(const step_context& context)
{
    const auto wish = wish_of(context.operation.parameters);
    const auto server = co_await choose(context, wish);
    const auto made = co_await with_.tenants.reserve(context.who, context.tenant(), server.id, wish.tier);
    // A repeat may find the placement of an earlier choice; that one counts.
    co_return nlohmann::json{
        {"server_id", made.server.to_string()}, {"database", made.database}, {"generation", made.generation}};
}

task<nlohmann::json> provision::create_database(const step_context& context)
{
    const auto at = co_await target(context);
    const auto pattern = co_await ensure_template(with_, at.server, with_.tenant_chain);
    co_await with_.with_maintenance(at.server, [&](database::session& maintenance) {
        servers::create_placement(maintenance, at.where, at.marker, pattern, with_.connection_limit);
    });
    co_return nlohmann::json{{"template", pattern}};
}

task<nlohmann::json> provision::grant_rights(const step_context& context)
{
    const auto at = co_await target(context);
    const auto inside = co_await with_.open_provisioner(at.server, at.where.database);
    co_await with_.workers.run([&] { servers::grant_rights(*inside, at.where, true); });
    co_return nlohmann::json{{"server_version", inside->server_version()}};
}

task<nlohmann::json> provision::broker_roles(const step_context& context)
{
    const auto at = co_await target(context);
    const int version = context.output_of("grant_rights").at("server_version").get<int>();
    std::string index;
    for (const auto what : leased_classes) {
        const auto terms = terms_of(what, at, version);
        const vault_client::broker_role role(servers::broker_role_name(what, at.where));
        const auto written = co_await with_.broker.put_role(role, terms);
        index = written.text();
        const auto there = co_await with_.broker.get_role(role);
        if (!there || *there != terms) {
            throw error(
                error_kind::internal, "broker_role_differs", "the broker holds another role than it was given"
            );
        }
    }
    co_return nlohmann::json{{"write_index", index}};
}

task<nlohmann::json> provision::schema(const step_context& context)
{
    const auto at = co_await target(context);
    const auto rows = co_await with_.with_maintenance(at.server, [&](database::session& maintenance) {
        return servers::marker_on(maintenance, at.where.database);
    });
    if (rows != at.marker)
        throw error(error_kind::internal, "placement_mismatch", "the database carries another marker");
    // The version rows came with the template. They are read by a lease in `verify`; here the registry learns
    // of them.
    co_await with_.tenants.record_schema(
        context.tenant(),
        with_.tenant_chain.version(),
        with_.tenant_chain.contract_version(),
        with_.tenant_chain.checksum()
    );
    co_return nlohmann::json{{"version", with_.tenant_chain.version()}};
}

task<nlohmann::json> provision::verify(const step_context& context)
{
    const auto at = co_await target(context);
    const vault_client::write_index index(context.output_of("broker_roles").value("write_index", ""));
    co_return co_await verify_placement(with_, at, index);
}

task<nlohmann::json> provision::publish(const step_context& context)
{
    const auto at = co_await target(context);
    const auto done = co_await with_.tenants.publish(context.who, context.tenant(), at.where.generation);
    const auto seen = co_await with_.all_routers_at(done.change, std::chrono::seconds(2));
    log::info("tenant.published", {{"tenant", tid::of(context.tenant()).text()}, {"server", at.server.name}});
    co_return nlohmann::json{
        {"server", at.server.name}, {"database", at.where.database}, {"routers", seen.at("routers")}};
}

task<void> provision::failed(const step_context& context)
{
    std::vector<std::string> from{"provisioning"};
    co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "failed", "tenant.failed"
    );
}

task<void> provision::cancel(const step_context& context)
{
    const auto all = co_await with_.tenants.placements(context.tenant());
    for (const auto& where : all) {
        auto at = co_await with_.place_of(where);
        co_await remove_leases(with_, at);
        co_await remove_placement(with_, at);
        co_await with_.tenants.forget_placement(context.who, context.tenant(), where.generation);
    }
    std::vector<std::string> from{"provisioning", "failed"};
    co_await with_.tenants.transition(
        context.who, context.tenant(), std::move(from), "deleted", "tenant.create_cancelled"
    );
}

}  // namespace leasehold::control_plane::operations
