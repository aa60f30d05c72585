#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/database/session.hpp>
#include <leasehold/registry/servers.hpp>
#include <leasehold/vault-client/broker.hpp>
#include <leasehold/vault-client/lease.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

namespace leasehold::control_plane::servers {

// Connections of the provisioner, and of leases, to tenant servers. The provisioner's password comes from the
// broker's KV (secret/leasehold/servers/<name>/provisioner: current, next) and is read again when a server
// refuses it. Lives on one lane; open_* resolve there and give what a worker then needs.
class access
{
public:
    explicit access(vault_client::broker& broker);
    ~access();
    access(const access&) = delete;
    access& operator=(const access&) = delete;

    // Where and as whom: for database::connect() on a worker. `database` empty: the maintenance database.
    task<database::endpoint> provisioner(registry::server at, std::string database = {});
    // The same after a 28P01: `next`, freshly read.
    task<database::endpoint> provisioner_with_next(registry::server at, std::string database = {});
    // A lease's login on a placement.
    database::endpoint lease_endpoint(
        const registry::server& at, const std::string& database, const vault_client::issued& lease
    );

private:
    task<database::endpoint>
    provisioner_as(registry::server at, std::string database, std::string which, bool fresh);
    database::endpoint endpoint_of(const registry::server& at, const std::string& database);

    std::string ca_file_of(const registry::server& at);

    vault_client::broker& broker_;
    std::filesystem::path folder_;                // of this process alone: CA certificates as files for libpq
    std::map<std::string, std::string> written_;  // file name -> its content
    std::map<std::string, std::map<std::string, secret<std::string>>>
        passwords_;  // server name -> current, next
};

// KV path of a server's provisioner credential.
vault_client::kv_path provisioner_path(const std::string& server_name);

}  // namespace leasehold::control_plane::servers
