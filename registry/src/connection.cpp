#include <leasehold/base/file.hpp>
#include <leasehold/registry/connection.hpp>

namespace leasehold::registry {
namespace {

// unix:/run/postgresql/.s.PGSQL.5432 becomes the folder and the port, as libpq wants them.
std::pair<std::string, std::uint16_t> host_of(const address& where)
{
    if (!where.is_unix()) return {where.host, where.port};
    const std::filesystem::path socket(where.unix_path);
    const auto name = socket.filename().string();
    const auto dot = name.rfind('.');
    const auto port = dot == std::string::npos ? 5432 : std::stoi(name.substr(dot + 1));
    return {socket.parent_path().string(), static_cast<std::uint16_t>(port)};
}

database::endpoint basic(
    const std::vector<address>& hosts,
    const std::string& database,
    const std::string& sslmode,
    const std::filesystem::path& ca,
    const database_login& login
)
{
    database::endpoint where;
    for (const auto& host : hosts) where.hosts.push_back(host_of(host));
    where.database = database;
    where.sslmode = sslmode;
    where.ca_file = ca.string();
    where.user = login.user;
    if (!login.password_file.empty()) where.password = load_secret_line(login.password_file);
    return where;
}

}  // namespace

database::endpoint endpoint_of(const registry_config& from, const database_login& login)
{
    auto where = basic(from.hosts, from.database, from.sslmode, from.ca_file, login);
    where.connect_timeout = from.pool.connect_timeout;
    where.statement_timeout = from.pool.statement_timeout;
    where.lock_timeout = from.pool.lock_timeout;
    return where;
}

database::endpoint shared_endpoint_of(const registry_config& registry, const shared_config& from)
{
    if (from.database.empty()) return endpoint_of(registry, registry.migrate);
    return basic(from.hosts, from.database, from.sslmode, from.ca_file, from.migrate);
}

}  // namespace leasehold::registry
