#include "tenant_store.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/http/problem.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace leasehold::router::agents {
namespace {

constexpr int longest_wait = 60;            // seconds, of the lower end
constexpr std::size_t most_tenants = 4096;  // whose failures are remembered

// A row of an earlier enrollment keeps its history; who enrolls tells anew what the machine is.
constexpr auto put_host_sql = R"(
    insert into hosts as h (id, name, fqdn, cluster_name, platform, os_name, os_version, agent_version, approval, labels)
    values ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb)
    on conflict (id) do update
       set name = excluded.name, fqdn = excluded.fqdn, cluster_name = excluded.cluster_name,
           platform = excluded.platform, os_name = excluded.os_name, os_version = excluded.os_version,
           agent_version = excluded.agent_version, approval = excluded.approval, labels = excluded.labels)";

// What the registry alone knows of it: identity and state. The rest is there, or comes with the next
// inventory.
constexpr auto restore_host_sql = R"(
    insert into hosts as h (id, name, approval) values ($1::uuid, $2, $3)
    on conflict (id) do update set approval = excluded.approval where h.approval = 'pending')";

statement restore(const host_facts& host, bool is_pending)
{
    std::vector<std::optional<std::string>> values{host.id.to_string(), host.name};
    values.emplace_back(is_pending ? "pending" : "approved");
    return {restore_host_sql, std::move(values)};
}

bool is_class(const sql_refused& why, std::string_view prefix)
{
    return why.sqlstate().starts_with(prefix);
}

}  // namespace

std::chrono::seconds tenant_store::time_to_come_back(tenant_id tenant)
{
    if (failures_.size() >= most_tenants && !failures_.contains(tenant)) failures_.clear();
    const int before = failures_[tenant]++;
    const int least = std::min(1 << std::min(before, 6), longest_wait);
    thread_local std::mt19937 source{std::random_device{}()};
    return std::chrono::seconds(std::uniform_int_distribution<int>(least, 3 * least)(source));
}

void tenant_store::fail(tenant_id tenant, const error& why)
{
    const auto later = [&](const char* code, const char* detail) -> http::retry_later {
        return {error_kind::unavailable, code, detail, time_to_come_back(tenant)};
    };
    if (const auto* refused = dynamic_cast<const sql_refused*>(&why)) {
        if (is_class(*refused, "22") || is_class(*refused, "23")) {
            throw error(
                error_kind::invalid, "item_refused", "the database does not take this value", why.what()
            );
        }
        if (is_class(*refused, "42") || is_class(*refused, "3F")) {
            throw later("tenant_schema_behind", "the tenant's tables are not there yet");
        }
        throw later("tenant_unavailable", "the tenant's database cannot store this now");
    }
    if (why.code() == "tenant_suspended") throw error(error_kind::forbidden, why.code(), why.detail());
    if (why.code() == "tenant_moving") throw later("tenant_moving", "the tenant is being moved");
    if (why.kind() == error_kind::rate_limited)
        throw later("gateway_busy", "the tenant's connections are all in use");
    throw later("tenant_unavailable", "the tenant's database cannot be reached now");
}

task<std::vector<query_result>> tenant_store::run(tenant_id tenant, std::vector<statement> all)
{
    auto results = co_await sessions_.run(tenant, role_class::rw, std::move(all));
    failures_.erase(tenant);
    co_return results;
}

task<std::vector<query_result>> tenant_store::write(const host_principal& who, std::vector<statement> all)
{
    const auto tenant = who.of_tenant().id;
    try {
        auto again = all;
        auto results = co_await run(tenant, std::move(again));
        co_return results;
    } catch (const sql_refused& why) {
        if (why.sqlstate() != "23503") fail(tenant, why);
    } catch (const error& why) {
        fail(tenant, why);
    }
    // The host's own row is missing: registry and tenant database disagree, and the registry is right.
    all.insert(all.begin(), restore(who.host(), who.is_pending()));
    try {
        auto results = co_await run(tenant, std::move(all));
        results.erase(results.begin());
        co_return results;
    } catch (const error& why) {
        fail(tenant, why);
    }
}

task<void> tenant_store::put_host(tenant_id tenant, host_id host, host_row row)
{
    std::vector<std::optional<std::string>> values{
        host.to_string(),
        std::move(row.name),
        std::move(row.fqdn),
        std::move(row.cluster_name),
        std::move(row.platform),
        std::move(row.os_name),
        std::move(row.os_version),
        std::move(row.agent_version),
        std::move(row.approval),
        std::move(row.labels)};
    auto put = statement(put_host_sql, std::move(values));
    co_await write(tenant, std::move(put));
}

task<void> tenant_store::restore_host(const host_facts& host, bool is_pending)
{
    auto put = restore(host, is_pending);
    co_await write(host.tenant, std::move(put));
}

task<void> tenant_store::write(tenant_id tenant, statement one)
{
    std::vector<statement> all;
    all.push_back(std::move(one));
    try {
        co_await run(tenant, std::move(all));
    } catch (const error& why) {
        fail(tenant, why);
    }
}

}  // namespace leasehold::router::agents
