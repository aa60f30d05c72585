#include "servers/session_cut.hpp"

#include <leasehold/base/error.hpp>

#include <thread>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query role_oids{"role_oids", R"(
    select coalesce(pg_catalog.array_agg(oid)::text, '{}') as oids from pg_catalog.pg_roles where rolname = any($1::text[]))"};

// A login in progress is not in pg_stat_activity and survives a revocation; its lock on the database shows
// it. Looking by user name would miss backends whose role is gone.
constexpr query look_for_sessions{"sessions_to_cut", R"(
    select a.pid from pg_catalog.pg_stat_activity a left join pg_catalog.pg_roles r on r.oid = a.usesysid
     where a.datid = $1::oid and a.usesysid is not null and a.pid <> pg_catalog.pg_backend_pid()
       and (r.oid is null or not r.rolcanlogin or exists (select from pg_catalog.pg_auth_members m
            where m.member = a.usesysid and m.roleid = any ($2::oid[])))
    union
    select l.pid from pg_catalog.pg_locks l
     where l.locktype = 'object' and l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass and l.objid = $1::oid
       and l.pid <> pg_catalog.pg_backend_pid() and not exists (select from pg_catalog.pg_stat_activity a where a.pid = l.pid))"};

constexpr query terminate{"session_terminate", "select pg_catalog.pg_terminate_backend($1::int)"};

std::vector<database::row>
sessions_now(session& maintenance, const std::string& database, const std::vector<std::string>& login_roles)
{
    return look(maintenance, [&](transaction& tx) {
        const auto seen = look_at(tx, database);
        if (!seen.exists) return std::vector<database::row>{};
        const auto oids = tx.get_one(role_oids, database::to_array(login_roles)).get<std::string>("oids");
        return tx.find_all(look_for_sessions, seen.oid, oids);
    });
}

}  // namespace

int cut(
    session& maintenance,
    const std::string& database,
    const std::vector<std::string>& login_roles,
    std::chrono::milliseconds patience
)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    int ended = 0;
    for (int empty_looks = 0;;) {
        const auto pids = sessions_now(maintenance, database, login_roles);
        empty_looks = pids.empty() ? empty_looks + 1 : 0;
        if (empty_looks == 2) return ended;
        terminate_each(maintenance, pids);
        ended += static_cast<int>(pids.size());
        if (std::chrono::steady_clock::now() > until) {
            throw error(error_kind::timeout, "cut_incomplete", "sessions of the tenant are still there");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

int count_sessions(
    session& maintenance, const std::string& database, const std::vector<std::string>& login_roles
)
{
    return static_cast<int>(sessions_now(maintenance, database, login_roles).size());
}

void terminate_each(session& maintenance, const std::vector<database::row>& pids)
{
    for (const auto& row : pids) {
        try {
            maintenance.in_transaction([&](transaction& tx) { tx.get_one(terminate, row.get<int>("pid")); });
        } catch (const database::sql_error& refused) {
            if (refused.sqlstate() != "42501") throw;  // insufficient_privilege
        }
    }
}

}  // namespace leasehold::control_plane::servers
