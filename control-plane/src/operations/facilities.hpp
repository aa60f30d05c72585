#pragma once

#include "servers/access.hpp"
#include "servers/recipes.hpp"

#include <leasehold/base/worker_pool.hpp>
#include <leasehold/migrations/chain.hpp>
#include <leasehold/registry/installation.hpp>
#include <leasehold/registry/servers.hpp>
#include <leasehold/registry/tenants.hpp>
#include <leasehold/vault-client/broker.hpp>

#include <functional>
#include <memory>
#include <string>

namespace leasehold::control_plane::operations {

// What operations work with. Owned by the control plane; everything outlives the runner. Used on its lane.
struct facilities
{
    // Runs `work(session)` on a worker with a fresh connection of the provisioner. Tries the next password
    // when the current one is refused, since a rotation may be half done.
    template <class Work>
    task<std::invoke_result_t<Work&, database::session&>>
    with_provisioner(registry::server at, std::string database, Work work);

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
};

template <class Work>
task<std::invoke_result_t<Work&, database::session&>>
facilities::with_provisioner(registry::server at, std::string database, Work work)
{
    auto where = co_await access.provisioner(at, database);
    bool refused = false;
    outcome<std::invoke_result_t<Work&, database::session&>> result;
    const auto attempt = [&] {
        std::unique_ptr<database::session> own;
        try {
            own = database::connect(where);
        } catch (const database::sql_error& failed) {
            if (failed.sqlstate() != "28P01") throw;
            refused = true;
            return;
        }
        result.capture([&] { return work(*own); });
    };
    co_await workers.run([&] { attempt(); });
    if (refused) {
        auto next = co_await access.provisioner_with_next(at, database);
        where = std::move(next);
        refused = false;
        co_await workers.run([&] { attempt(); });
    }
    if (refused) {
        throw error(
            error_kind::unavailable,
            "provisioner_refused",
            "the server refuses the provisioner's passwords, current and next"
        );
    }
    co_return result.take();
}

}  // namespace leasehold::control_plane::operations
