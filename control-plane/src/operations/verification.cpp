#include "operations/verification.hpp"

#include "servers/probes.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace leasehold::control_plane::operations {
namespace {

[[noreturn]] void unproven(std::string_view what)
{
    throw error(error_kind::internal, "placement_unproven", fmt::format("this did not hold: {}", what));
}

// The leases with which one look at a placement is taken. They end with it, however it ends.
class look_leases
{
public:
    look_leases(facilities& with, const facilities::place& at) : with_(with), at_(at) {}

    task<vault_client::issued>
    issue(role_class what, vault_client::write_index after = vault_client::write_index())
    {
        const vault_client::broker_role role(servers::broker_role_name(what, at_.where));
        auto lease = co_await with_.broker.issue(role, std::move(after));
        left_.push_back(lease.id);
        co_return lease;
    }

    task<void> revoke(vault_client::lease_id id)
    {
        co_await with_.broker.revoke(id, vault_client::completion::done);
        left_.erase(std::find(left_.begin(), left_.end(), id));
    }

    // What `look` gives, or throws, once every lease is revoked. A revocation that failed is thrown when
    // the look itself did not fail.
    template <class T>
    task<T> end_with(task<T> look)
    {
        outcome<T> seen;
        co_await detail::run_into(std::move(look), seen);
        std::exception_ptr left_one;
        for (const auto& id : left_) {
            try {
                co_await with_.broker.revoke(id, vault_client::completion::done);
            } catch (const std::exception& failed) {
                log::failure("lease.revocation_failed", failed, {{"lease", id.fingerprint()}});
                left_one = std::current_exception();
            }
        }
        if (left_one && seen.has_value()) std::rethrow_exception(left_one);
        co_return seen.take();
    }

private:
    facilities& with_;
    const facilities::place& at_;
    std::vector<vault_client::lease_id> left_;
};

task<nlohmann::json> prove_placement(
    facilities& with, const facilities::place& at, look_leases& leases, vault_client::write_index index
)
{
    nlohmann::json proven = nlohmann::json::object();

    const auto rw = co_await leases.issue(role_class::rw, index);
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

    const auto ro = co_await leases.issue(role_class::ro, index);
    const auto ro_login = with.access.lease_endpoint(at.server, at.where.database, ro);
    const auto ro_seen = co_await with.workers.run([&] {
        const auto session = database::connect(ro_login);
        return servers::probe_reader(*session, at.where, at.marker);
    });
    if (!ro_seen.empty()) unproven(ro_seen);
    proven["ro"] = "reads; a write is refused";

    const auto migrate = co_await leases.issue(role_class::migrate, index);
    const auto migrate_login = with.access.lease_endpoint(at.server, at.where.database, migrate);
    const auto checksum = with.tenant_chain.checksum();
    const auto migrate_seen = co_await with.workers.run([&] {
        const auto session = database::connect(migrate_login);
        return servers::probe_owner(*session, at.where, at.marker, checksum);
    });
    if (!migrate_seen.empty()) unproven(migrate_seen);
    proven["migrate"] = "owns its schema; version rows are the chain's";

    co_await leases.revoke(rw.id);
    const bool ended = co_await with.workers.run([&] { return servers::is_ended(*open); });
    if (!ended) unproven("a revocation ends an open session");
    proven["revocation"] = "ends an open session";
    co_return proven;
}

// What did not hold, or nothing.
task<std::string> look_at_closed_gate(facilities& with, const facilities::place& at, look_leases& leases)
{
    const auto rw = co_await leases.issue(role_class::rw);
    const auto rw_login = with.access.lease_endpoint(at.server, at.where.database, rw);
    const auto migrate = co_await leases.issue(role_class::migrate);
    const auto migrate_login = with.access.lease_endpoint(at.server, at.where.database, migrate);
    co_return co_await with.workers.run([&]() -> std::string {
        if (!servers::is_refused(rw_login)) return "a fresh rw lease could log in";
        const auto control = database::connect(migrate_login);
        return servers::probe_place(*control, at.where, at.marker);
    });
}

task<std::string> look_at_open_gate(facilities& with, const facilities::place& at, look_leases& leases)
{
    const auto rw = co_await leases.issue(role_class::rw);
    const auto rw_login = with.access.lease_endpoint(at.server, at.where.database, rw);
    co_return co_await with.workers.run([&] {
        const auto session = database::connect(rw_login);
        return servers::probe_place(*session, at.where, at.marker);
    });
}

}  // namespace

task<nlohmann::json>
verify_placement(facilities& with, const facilities::place& at, vault_client::write_index index)
{
    look_leases leases(with, at);
    auto look = prove_placement(with, at, leases, std::move(index));
    co_return co_await leases.end_with(std::move(look));
}

task<void> verify_gate_closed(facilities& with, const facilities::place& at)
{
    look_leases leases(with, at);
    auto look = look_at_closed_gate(with, at, leases);
    const auto seen = co_await leases.end_with(std::move(look));
    if (!seen.empty())
        throw error(error_kind::internal, "gate_open", fmt::format("the gate does not hold: {}", seen));
}

task<void> verify_gate_open(facilities& with, const facilities::place& at)
{
    look_leases leases(with, at);
    auto look = look_at_open_gate(with, at, leases);
    const auto seen = co_await leases.end_with(std::move(look));
    if (!seen.empty()) unproven(seen);
}

}  // namespace leasehold::control_plane::operations
