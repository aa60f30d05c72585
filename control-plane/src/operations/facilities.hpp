#pragma once

#include "servers/access.hpp"
#include "servers/names.hpp"

#include <leasehold/base/worker_pool.hpp>
#include <leasehold/migrations/chain.hpp>
#include <leasehold/registry/installation.hpp>
#include <leasehold/registry/servers.hpp>
#include <leasehold/registry/tenants.hpp>
#include <leasehold/vault-client/broker.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace leasehold::control_plane::operations {

// What operations work with. Owned by the control plane; everything outlives the runner. Used on its lane.
struct facilities
{
    // A fresh connection of the provisioner, for use on a worker; `database` empty: the maintenance database.
    // Tries the next password when the current one is refused, since a rotation may be half done. Errors:
    // unavailable server_unavailable, which names the server; unavailable provisioner_refused.
    task<std::unique_ptr<database::session>> open_provisioner(registry::server at, std::string database);

    // Runs `work(session)` on a worker with such a connection.
    template <class Work>
    task<std::invoke_result_t<Work&, database::session&>>
    with_provisioner(registry::server at, std::string database, Work work)
    {
        const auto own = co_await open_provisioner(std::move(at), std::move(database));
        co_return co_await workers.run([&] { return work(*own); });
    }

    // A connection of the provisioner inside another database of the same server; for use on a worker.
    task<std::function<std::unique_ptr<database::session>(const std::string&)>> opener(registry::server at);

    // Waits until every live router has applied `change`; throws must_wait (routers) after `patience`.
    task<nlohmann::json> all_routers_at(std::int64_t change, std::chrono::milliseconds patience);

    // The placement with its marker and its server.
    struct place
    {
        registry::placement where;
        registry::server server;
        std::string marker;
    };
    task<place> place_of(registry::placement where);
    task<place> current_place(tenant_id tenant);  // conflict tenant_not_placed

    registry::tenants& tenants;
    registry::servers& servers;
    registry::installation& installation;
    vault_client::broker& broker;
    servers::access& access;
    worker_pool& workers;
    const migrations::chain& tenant_chain;
    std::string owner;  // of claims that outlive a call: this process
    int connection_limit = 50 + 16;
    std::optional<installation_id> installation_known{};  // it never changes: asked for once
};

}  // namespace leasehold::control_plane::operations
