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
#include <map>
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

    // Runs `work(session)` on a worker with such a connection to the maintenance database. A login costs more
    // than most of what is done there, so a few connections are kept for whoever comes next: the work must
    // leave nothing in its session, like an advisory lock, and may find statements of others prepared.
    template <class Work>
    task<std::invoke_result_t<Work&, database::session&>> with_maintenance(registry::server at, Work work)
    {
        const auto id = at.id;
        auto own = co_await take_maintenance(std::move(at));
        outcome<std::invoke_result_t<Work&, database::session&>> result;
        co_await workers.run([&] { result.capture([&] { return work(*own); }); });
        if (result.has_value()) keep_maintenance(id, std::move(own));
        co_return result.take();
    }
    // Closes those that wait.
    void forget_maintenance() { kept_.clear(); }

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

    // For with_maintenance.
    task<std::unique_ptr<database::session>> take_maintenance(registry::server at);
    void keep_maintenance(server_id at, std::unique_ptr<database::session> own);
    std::multimap<server_id, std::unique_ptr<database::session>> kept_{};
};

}  // namespace leasehold::control_plane::operations
