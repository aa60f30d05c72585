#include "registry_endpoint.hpp"

#include <leasehold/base/file.hpp>

namespace leasehold::router {

database::endpoint registry_endpoint(const registry_config& from)
{
    database::endpoint where;
    for (const auto& one : from.hosts) {
        if (one.is_unix()) {
            // unix:/folder/.s.PGSQL.5432, as PostgreSQL names its sockets
            const path socket(one.unix_path);
            const auto name = socket.filename().string();
            const auto dot = name.rfind('.');
            const auto port = dot == std::string::npos ? 5432 : std::stoi(name.substr(dot + 1));
            where.hosts.emplace_back(socket.parent_path().string(), static_cast<std::uint16_t>(port));
        } else {
            where.hosts.emplace_back(one.host, one.port);
        }
    }
    where.database = from.database;
    where.user = from.router.user;
    if (!from.router.password_file.empty()) where.password = load_secret_line(from.router.password_file);
    where.sslmode = from.sslmode;
    where.ca_file = from.ca_file.string();
    where.application_name = "leasehold router";
    where.connect_timeout = from.pool.connect_timeout;
    where.statement_timeout = from.pool.statement_timeout;
    where.lock_timeout = from.pool.lock_timeout;
    return where;
}

}  // namespace leasehold::router
