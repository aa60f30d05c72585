#pragma once

#include "host_principal.hpp"

#include <leasehold/base/clock.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::router::agents {

// What a host is called, for its row in the tenant's database.
struct host_row
{
    host_row() = default;
    std::string name;
    std::string fqdn;
    std::string cluster_name;
    std::string platform;
    std::string os_name;
    std::string os_version;
    std::string agent_version;
    std::string approval = "pending";  // pending, approved
    std::string labels = "{}";
};

// The tenant's database as the gateway's handlers see it: one transaction a call, and every failure in the
// words of the agents' API: 503 with a time to come back, or 422 for what the database will never take.
// Thread: the gateway's lane.
class tenant_store
{
public:
    explicit tenant_store(platform_sessions& sessions) : sessions_(sessions) {}

    // Of an authenticated host; makes its row first where a restore or a half-done enrollment left none.
    task<std::vector<query_result>> write(const host_principal& who, std::vector<statement> all);
    task<void> put_host(tenant_id tenant, host_id host, host_row row);
    // Makes its row where there is none, and leaves what it says alone, but an approval that was awaited.
    task<void> restore_host(const host_facts& host, bool is_pending);

private:
    task<void> write(tenant_id tenant, statement one);
    task<std::vector<query_result>> run(tenant_id tenant, std::vector<statement> all);
    [[noreturn]] void fail(tenant_id tenant, const error& why);
    [[nodiscard]] std::chrono::seconds time_to_come_back(tenant_id tenant);

    platform_sessions& sessions_;
    std::map<tenant_id, int> failures_;  // in a row
};

}  // namespace leasehold::router::agents
