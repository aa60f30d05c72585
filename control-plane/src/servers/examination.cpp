#include "servers/examination.hpp"

#include "servers/base_database.hpp"
#include "servers/lease_login.hpp"
#include "servers/probe_database.hpp"
#include "servers/probes.hpp"
#include "servers/roles.hpp"

#include <leasehold/base/crypto.hpp>

namespace leasehold::control_plane::servers {
namespace {

// One per server: two of them may be examined at the same time.
vault_client::broker_role probe_role(const std::string& server)
{
    return vault_client::broker_role(
        "rw_probe_" + crypto::to_hex(crypto::view(crypto::sha256(server))).substr(0, 8)
    );
}

vault_client::role_terms probe_terms(const registry::server& at, int server_version)
{
    vault_client::role_terms terms;
    terms.server = vault_client::config_name(at.broker_config.value());
    terms.creation_statements = probe_creation_statements(server_version);
    terms.revocation_statements = revocation_statements();
    terms.default_ttl = std::chrono::minutes(5);
    terms.max_ttl = std::chrono::minutes(5);
    return terms;
}

}  // namespace

task<std::vector<finding>> examine(
    database::session& maintenance,
    registry::server at,
    access& by,
    vault_client::broker& broker,
    worker_pool& workers
)
{
    tried_facts tried;
    const std::string database(probe_database);
    const auto as_provisioner = co_await by.provisioner(at, database);
    co_await workers.run([&] {
        create_probe(maintenance);
        tried.plain_login_refused = is_plain_login_refused(as_provisioner);
        const auto seen = look_at_hardening(*database::connect(as_provisioner));
        tried.base_closed = seen.schema_closed;
        tried.large_objects_closed = seen.large_objects_closed;
    });

    const auto role = probe_role(at.name);
    const auto terms = probe_terms(at, maintenance.server_version());
    const auto written = co_await broker.put_role(role, terms);
    const auto lease = co_await broker.issue(role, written);
    const auto as_lease = by.lease_endpoint(at, database, lease);
    std::unique_ptr<database::session> open;
    co_await workers.run([&] {
        if (!is_refused(as_lease)) open = database::connect(as_lease);
    });
    tried.lease_network_open = open != nullptr;
    co_await broker.revoke(lease.id, vault_client::completion::done);
    co_await broker.delete_role(role);

    co_return co_await workers.run([&] {
        tried.revocation_cuts = (!open || is_ended(*open)) && !login_exists(maintenance, lease.username);
        drop_probe(maintenance);
        return run_preflight(maintenance, tried, at.accepted, at.connection_budget);
    });
}

}  // namespace leasehold::control_plane::servers
