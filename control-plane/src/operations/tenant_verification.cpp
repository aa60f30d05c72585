#include "operations/tenant_verification.hpp"

#include "servers/probes.hpp"

#include <leasehold/base/error.hpp>

#include <algorithm>

namespace leasehold::control_plane::operations {

task<verification_report> tenant_verification::verify(tenant_id tenant, registry::principal who)
{
    const auto found = co_await tenants_.get(tenant);
    verification_report report;
    report.slug = found.slug;
    report.tid = found.tid;
    report.route = report.lease = report.marker = "ok";
    if (found.state != "active" || !found.where || found.where->state != "current") {
        report.route = "not active";
        report.problems.emplace_back("tenant_not_active");
        co_return report;
    }
    report.database = found.where->database;
    std::string marker;
    host_texts seen;
    if (with_ != nullptr) {
        const auto at = co_await with_->place_of(*found.where);
        marker = at.marker;
        co_await look_through_router(tenant, std::move(who), marker, seen, report);
        co_await look_with_lease(at, report);
    } else {
        report.lease = "none";
        co_await look_through_router(tenant, std::move(who), marker, seen, report);
    }
    co_await count_hosts(tenant, seen, report);
    co_return report;
}

task<void> tenant_verification::look_through_router(
    tenant_id tenant,
    registry::principal who,
    const std::string& marker,
    host_texts& seen,
    verification_report& into
)
{
    std::string failed;
    try {
        const auto census = co_await data_.take_census(tenant, std::move(who));
        seen = census.host_ids;
        if (census.database != into.database) failed = "another database";
        if (census.marker != marker) {
            into.marker = "another marker";
            into.problems.emplace_back("marker_mismatch");
        }
    } catch (const error& refused) {
        failed = refused.code();
    }
    if (failed.empty()) co_return;
    into.route = failed;
    into.problems.emplace_back("route_failed");
}

task<void> tenant_verification::look_with_lease(const facilities::place& at, verification_report& into)
{
    // Another tenant's database on the same server, for the negative control.
    registry::tenant_filter filter;
    filter.server = at.server.id;
    const auto neighbours = co_await tenants_.list(std::move(filter), std::nullopt, 2);
    std::string elsewhere(servers::maintenance_database);
    for (const auto& one : neighbours) {
        if (one.id != at.where.tenant && one.where) elsewhere = one.where->database;
    }

    const vault_client::broker_role role(servers::broker_role_name(role_class::ro, at.where));
    const auto lease = co_await with_->broker.issue(role, vault_client::write_index());
    const auto here = with_->access.lease_endpoint(at.server, at.where.database, lease);
    const auto there = with_->access.lease_endpoint(at.server, elsewhere, lease);
    std::string wrong;
    try {
        co_await with_->workers.run([&] {
            const auto session = database::connect(here);
            wrong = servers::probe_place(*session, at.where, at.marker);
            if (wrong.empty() && !servers::is_refused(there)) wrong = "another database lets the lease in";
        });
    } catch (const error& failed) {
        wrong = failed.code();
    }
    co_await with_->broker.revoke(lease.id, vault_client::completion::done);
    if (wrong.empty()) co_return;
    into.lease = wrong;
    into.problems.emplace_back("lease_failed");
}

task<void>
tenant_verification::count_hosts(tenant_id tenant, const host_texts& seen, verification_report& into)
{
    const auto known = co_await hosts_.ids(tenant);
    into.registry_hosts = static_cast<std::int64_t>(known.size());
    into.database_hosts = static_cast<std::int64_t>(seen.size());
    for (const auto& id : known) {
        if (std::find(seen.begin(), seen.end(), id.to_string()) == seen.end()) ++into.missing;
    }
    std::vector<host_id> strangers;
    for (const auto& text : seen) {
        const auto id = host_id::parse(text);
        if (id && std::find(known.begin(), known.end(), *id) == known.end()) strangers.push_back(*id);
    }
    const auto foreign = co_await hosts_.count_of_others(tenant, strangers);
    into.foreign = foreign;
    into.orphan = static_cast<std::int64_t>(strangers.size()) - into.foreign;
    if (into.missing != 0) into.problems.emplace_back("hosts_missing");
    if (into.orphan != 0) into.problems.emplace_back("hosts_orphan");
    if (into.foreign != 0) into.problems.emplace_back("hosts_foreign");
}

}  // namespace leasehold::control_plane::operations
