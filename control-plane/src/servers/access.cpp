#include "servers/access.hpp"

#include "servers/names.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>

#include <cstdlib>

namespace leasehold::control_plane::servers {

vault_client::kv_path provisioner_path(const std::string& server_name)
{
    return vault_client::kv_path(fmt::format("leasehold/servers/{}/provisioner", server_name));
}

access::access(vault_client::broker& broker) : broker_(broker)
{
    auto name = (std::filesystem::temp_directory_path() / "leasehold-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw error(
            error_kind::unavailable, "file_unreadable", "no folder can be made for certificates", name
        );
    folder_ = name;
}

access::~access()
{
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string access::ca_file_of(const registry::server& at)
{
    const auto file = (folder_ / (at.name + ".pem")).string();
    auto& there = written_[file];
    if (there != at.ca) {
        store_file(file, at.ca);
        there = at.ca;
    }
    return file;
}

database::endpoint access::endpoint_of(const registry::server& at, const std::string& database)
{
    database::endpoint where;
    for (const auto& text : at.addresses) {
        const auto parsed = address::parse(text);
        if (!parsed)
            throw error(
                error_kind::internal, "server_address", fmt::format("server {} has a bad address", at.name)
            );
        where.hosts.emplace_back(parsed->host, parsed->port);
    }
    where.database = database.empty() ? std::string(maintenance_database) : database;
    where.sslmode = at.sslmode;
    if (!at.ca.empty()) where.ca_file = ca_file_of(at);
    where.statement_timeout = std::chrono::seconds(60);
    return where;
}

task<database::endpoint> access::provisioner(registry::server at, std::string database)
{
    co_return co_await provisioner_as(std::move(at), std::move(database), "current", false);
}

task<database::endpoint> access::provisioner_with_next(registry::server at, std::string database)
{
    co_return co_await provisioner_as(std::move(at), std::move(database), "next", true);
}

task<database::endpoint>
access::provisioner_as(registry::server at, std::string database, std::string which, bool fresh)
{
    auto known = passwords_.find(at.name);
    if (fresh || known == passwords_.end()) {
        auto path = provisioner_path(at.name);
        auto entry = co_await broker_.get_kv(std::move(path));
        if (!entry) {
            throw error(
                error_kind::unavailable,
                "server_not_bootstrapped",
                fmt::format(
                    "server {} has no provisioner credential at the broker: run provision-bootstrap", at.name
                )
            );
        }
        known = passwords_.insert_or_assign(at.name, std::move(entry->data)).first;
    }
    const auto password = known->second.find(which);
    auto where = endpoint_of(at, database);
    where.user = provisioner_role;
    where.application_name = "leasehold provisioner";
    if (password != known->second.end()) where.password = password->second.clone();
    co_return where;
}

database::endpoint access::lease_endpoint(
    const registry::server& at, const std::string& database, const vault_client::issued& lease
)
{
    auto where = endpoint_of(at, database);
    where.user = lease.username;
    where.password = lease.password.clone();
    where.application_name = "leasehold operation";
    where.any_server =
        true;  // an ro lease is read-only by default, which a search for the writable server would refuse
    return where;
}

}  // namespace leasehold::control_plane::servers
