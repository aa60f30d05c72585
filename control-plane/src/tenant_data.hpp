#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/database/session.hpp>
#include <leasehold/registry/principal.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace leasehold::control_plane {

// Reads of tenant data: like any client, through the router, with a ticket for one tenant that lives a
// minute. The control plane never takes a lease for it. Lives on the control plane's lane; the session itself
// runs on a worker.
class tenant_data
{
public:
    // `router`: where the router listens; `ca_file`: who signed its certificate (empty: it has none,
    // loopback).
    tenant_data(address router, std::string ca_file, const hmac_keys& secrets, worker_pool& workers);

    struct host_facts
    {
        std::string id;
        std::string name;
        std::string fqdn;
        std::string cluster_name;
        std::string platform;
        std::string os_name;
        std::string os_version;
        std::string agent_version;
        std::string status;
        std::string approval;
        std::string last_seen_at;
        std::int64_t packages = 0;
    };
    task<std::vector<host_facts>> hosts(
        registry::tenant_scope tenant, registry::principal who, std::optional<std::string> after, int limit
    );
    // Ids in `hosts`, for verification.
    struct census
    {
        std::string database;
        std::string role;
        std::string marker;
        std::vector<std::string> host_ids;
    };
    task<census> take_census(tenant_id tenant, registry::principal who);
    // Mirrors a host's registry state.
    task<void>
    set_approval(registry::tenant_scope tenant, registry::principal who, host_id host, std::string approval);

private:
    database::endpoint endpoint_for(tenant_id tenant, const registry::principal& who, role_class what) const;

    address router_;
    std::string ca_file_;
    const hmac_keys& secrets_;
    worker_pool& workers_;
};

}  // namespace leasehold::control_plane
