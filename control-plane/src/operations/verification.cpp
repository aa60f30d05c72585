#include "operations/verification.hpp"

#include "servers/probes.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::operations {
namespace {

[[noreturn]] void unproven(std::string_view what)
{
    throw error(error_kind::internal, "placement_unproven", fmt::format("this did not hold: {}", what));
}

vault_client::broker_role role_of(role_class what, const facilities::place& at)
{
    return vault_client::broker_role(servers::broker_role_name(what, at.where));
}

}  // namespace

task<nlohmann::json>
verify_placement(facilities& with, const facilities::place& at, vault_client::write_index index)
{
    nlohmann::json proven = nlohmann::json::object();

    const auto rw = co_await with.broker.issue(role_of(role_class::rw, at), index);
    const auto rw_login = with.access.lease_endpoint(at.server, at.where.database, rw);
    const auto elsewhere =
        with.access.lease_endpoint(at.server, std::string(servers::maintenance_database), rw);
    std::unique_ptr<database::session> open;
    const auto rw_seen = co_await with.workers.run([&] {
        open = database::connect(rw_login);
        return servers::probe_writer(*open, at.where, at.marker, elsewhere);
    });
    if (!rw_seen.empty()) unproven(rw_seen);
    proven["rw"] = "writes and reads; nothing after SET ROLE NONE; refused elsewhere";

    const auto ro = co_await with.broker.issue(role_of(role_class::ro, at), index);
    const auto ro_login = with.access.lease_endpoint(at.server, at.where.database, ro);
    const auto ro_seen = co_await with.workers.run([&] {
        const auto session = database::connect(ro_login);
        return servers::probe_reader(*session, at.where, at.marker);
    });
    if (!ro_seen.empty()) unproven(ro_seen);
    proven["ro"] = "reads; a write is refused";

    const auto migrate = co_await with.broker.issue(role_of(role_class::migrate, at), index);
    const auto migrate_login = with.access.lease_endpoint(at.server, at.where.database, migrate);
    const auto checksum = with.tenant_chain.checksum();
    const auto migrate_seen = co_await with.workers.run([&] {
        const auto session = database::connect(migrate_login);
        return servers::probe_owner(*session, at.where, at.marker, checksum);
    });
    if (!migrate_seen.empty()) unproven(migrate_seen);
    proven["migrate"] = "owns its schema; version rows are the chain's";

    co_await with.broker.revoke(rw.id, vault_client::completion::done);
    const bool ended = co_await with.workers.run([&] { return servers::is_ended(*open); });
    if (!ended) unproven("a revocation ends an open session");
    proven["revocation"] = "ends an open session";
    co_await with.broker.revoke(ro.id, vault_client::completion::done);
    co_await with.broker.revoke(migrate.id, vault_client::completion::done);
    co_return proven;
}

task<void> verify_gate_closed(facilities& with, const facilities::place& at)
{
    const auto rw = co_await with.broker.issue(role_of(role_class::rw, at), vault_client::write_index());
    const auto rw_login = with.access.lease_endpoint(at.server, at.where.database, rw);
    const auto migrate =
        co_await with.broker.issue(role_of(role_class::migrate, at), vault_client::write_index());
    const auto migrate_login = with.access.lease_endpoint(at.server, at.where.database, migrate);
    const auto seen = co_await with.workers.run([&]() -> std::string {
        if (!servers::is_refused(rw_login)) return "a fresh rw lease could log in";
        const auto control = database::connect(migrate_login);
        return servers::probe_place(*control, at.where, at.marker);
    });
    co_await with.broker.revoke(rw.id, vault_client::completion::done);
    co_await with.broker.revoke(migrate.id, vault_client::completion::done);
    if (!seen.empty())
        throw error(error_kind::internal, "gate_open", fmt::format("the gate does not hold: {}", seen));
}

task<void> verify_gate_open(facilities& with, const facilities::place& at)
{
    const auto rw = co_await with.broker.issue(role_of(role_class::rw, at), vault_client::write_index());
    const auto rw_login = with.access.lease_endpoint(at.server, at.where.database, rw);
    const auto seen = co_await with.workers.run([&] {
        const auto session = database::connect(rw_login);
        return servers::probe_place(*session, at.where, at.marker);
    });
    co_await with.broker.revoke(rw.id, vault_client::completion::done);
    if (!seen.empty()) unproven(seen);
}

}  // namespace leasehold::control_plane::operations
