#include "servers/probe_database.hpp"

#include "servers/names.hpp"
#include "servers/roles.hpp"

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

// Held by the session: whoever probes the same server meanwhile waits for its lock_timeout.
constexpr query lock_probe{
    "probe_lock", "select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('leasehold_probe', 0))"};

}  // namespace

void create_probe(session& maintenance)
{
    look(maintenance, [](transaction& tx) { return tx.find_all(lock_probe).size(); });
    drop_probe(maintenance);
    const int version = maintenance.server_version();
    maintenance.in_transaction([&](transaction& tx) {
        create_role(tx, probe_login, "nologin noinherit");
        if (version >= version_16) {
            grant_membership(
                tx, probe_login, broker_role_login, "admin true, inherit false, set false", version
            );
        }
    });
    maintenance.run_plain(
        "create database leasehold_probe template leasehold_base strategy wal_log allow_connections false"
    );
    maintenance.run_plain("revoke all on database leasehold_probe from public");
    maintenance.run_plain("grant connect on database leasehold_probe to leasehold_probe_login");
    maintenance.run_plain("alter database leasehold_probe allow_connections true");
}

void drop_probe(session& maintenance)
{
    maintenance.run_plain("drop database if exists leasehold_probe with (force)");
    maintenance.run_plain("drop role if exists leasehold_probe_login");
}

}  // namespace leasehold::control_plane::servers
