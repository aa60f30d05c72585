#include "servers/sweep.hpp"

#include "servers/role_removal.hpp"
#include "servers/session_cut.hpp"

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query expired_logins{"lease_logins_expired", R"(
    select rolname::text as name from pg_catalog.pg_roles
     where rolname ~ '^lease_' and rolcanlogin and rolvaliduntil < now() - make_interval(secs => $1::float8))"};

constexpr query closed_logins{"lease_logins_closed", R"(
    select rolname::text as name from pg_catalog.pg_roles where rolname ~ '^lease_' and not rolcanlogin)"};

constexpr query roleless_sessions{"sessions_without_role", R"(
    select a.pid from pg_catalog.pg_stat_activity a
     where a.usesysid is not null and not exists (select from pg_catalog.pg_roles r where r.oid = a.usesysid))"};

}  // namespace

sweep_counts sweep(session& maintenance, const open_inside& open_database, std::chrono::seconds expired_for)
{
    sweep_counts counts;
    const auto expired = names_in(maintenance, expired_logins, {expired_for.count()});
    const auto closed = names_in(maintenance, closed_logins);

    const auto drop_one = [&](const std::string& role, int& count) {
        try {
            remove_login(maintenance, role, open_database);
            ++count;
        } catch (const database::sql_error& blocked) {
            if (blocked.sqlstate() != "55P03" && blocked.sqlstate() != "2BP01") throw;
            counts.still_blocked.push_back(role);
        }
    };
    for (const auto& role : expired) drop_one(role, counts.expired_dropped);
    for (const auto& role : closed) drop_one(role, counts.blocked_dropped);

    const auto roleless = look(maintenance, [](transaction& tx) { return tx.find_all(roleless_sessions); });
    terminate_each(maintenance, roleless);
    counts.sessions_ended = static_cast<int>(roleless.size());
    return counts;
}

}  // namespace leasehold::control_plane::servers
