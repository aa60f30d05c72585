#include "servers/probes.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/migrations/apply.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query place_of_lease{"lease_place", R"(
    select current_database()::text as database, current_user::text as who, session_user::text as login,
           pg_catalog.shobj_description(d.oid, 'pg_database') as marker
      from pg_catalog.pg_database d where d.datname = current_database())"};

// A transaction that is always rolled back. Returns the SQLSTATE that stopped it, or "" when all statements
// ran.
std::string sqlstate_of_attempt(database::session& lease, std::string_view script)
{
    struct roll_back
    {};
    try {
        lease.in_transaction([&](transaction& tx) {
            tx.run_script(script);
            throw roll_back{};
        });
    } catch (const roll_back&) {
        return {};
    } catch (const database::sql_error& refused) {
        return refused.sqlstate();
    }
    return {};
}

constexpr std::string_view forbidden = "42501";  // insufficient_privilege
constexpr std::string_view write_a_tag = "insert into public.tags (name) values ('leasehold probe')";

}  // namespace

std::string probe_place(database::session& lease, const registry::placement& where, const std::string& marker)
{
    std::string wrong;
    lease.in_transaction([&](transaction& tx) {
        const auto here = tx.get_one(place_of_lease);
        if (here.get<std::string>("database") != where.database) wrong = "the lease is in its own database";
        if (here.find<std::string>("marker").value_or("") != marker)
            wrong = "the database carries the tenant's marker";
        if (here.get<std::string>("login").substr(0, 6) != "lease_") wrong = "the login is a lease's";
    });
    return wrong;
}

std::string probe_writer(
    database::session& lease,
    const registry::placement& where,
    const std::string& marker,
    const database::endpoint& elsewhere
)
{
    if (auto wrong = probe_place(lease, where, marker); !wrong.empty()) return wrong;
    const auto reads_back =
        fmt::format("{}; select 1 / count(*) from public.tags where name = 'leasehold probe'", write_a_tag);
    if (auto state = sqlstate_of_attempt(lease, reads_back); !state.empty()) {
        return fmt::format("an rw lease writes and reads ({})", state);
    }
    if (auto state = sqlstate_of_attempt(lease, "create table public.leasehold_probe ()");
        state != forbidden) {
        return fmt::format("an rw lease creates nothing ({})", state);
    }
    if (auto state = sqlstate_of_attempt(lease, "set local role none; select 1 from public.tags");
        state != forbidden) {
        return fmt::format("SET ROLE NONE leaves nothing to read ({})", state);
    }
    if (!is_refused(elsewhere)) return "another database refuses the lease";
    return {};
}

std::string
probe_reader(database::session& lease, const registry::placement& where, const std::string& marker)
{
    if (auto wrong = probe_place(lease, where, marker); !wrong.empty()) return wrong;
    if (auto state = sqlstate_of_attempt(lease, "select 1 from public.tags"); !state.empty()) {
        return fmt::format("an ro lease reads ({})", state);
    }
    // Read only is the role's default and may be lifted by the session; the missing right may not.
    const auto write = fmt::format("set transaction read write; {}", write_a_tag);
    if (auto state = sqlstate_of_attempt(lease, write); state != forbidden) {
        return fmt::format("an ro lease writes nothing ({})", state);
    }
    return {};
}

std::string probe_owner(
    database::session& lease,
    const registry::placement& where,
    const std::string& marker,
    const std::string& chain_checksum
)
{
    if (auto wrong = probe_place(lease, where, marker); !wrong.empty()) return wrong;
    if (auto state = sqlstate_of_attempt(lease, "create table public.leasehold_probe ()"); !state.empty()) {
        return fmt::format("a migrate lease creates ({})", state);
    }
    const auto rows = migrations::load_version_rows(lease, migrations::partition::tenant, where.schema);
    if (migrations::chain_checksum(rows) != chain_checksum) return "the version rows are the chain's";
    return {};
}

bool is_ended(database::session& lease)
{
    try {
        lease.in_transaction([](transaction& tx) { tx.run_script("select 1"); });
        return false;
    } catch (const error&) {
        return true;
    }
}

bool is_refused(const database::endpoint& where)
{
    try {
        database::connect(where);
        return false;
    } catch (const database::sql_error& refused) {
        const auto& state = refused.sqlstate();
        if (state == "42501" || state.substr(0, 2) == "28") return true;
        throw;
    }
}

}  // namespace leasehold::control_plane::servers
