#include "servers/template_database.hpp"

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

// A lock of the maintenance database, which no tenant enters.
constexpr query lock_template{"template_lock", R"(
    select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0)) as mine)"};

}  // namespace

database_state look_at_template(session& maintenance, const std::string& name)
{
    const auto seen = look(maintenance, [&](transaction& tx) { return look_at(tx, name); });
    if (!seen.exists) return database_state::absent;
    return seen.is_template && !seen.open ? database_state::ready : database_state::unfinished;
}

bool claim_template(session& maintenance, const std::string& name)
{
    return look(maintenance, [&](transaction& tx) {
        return tx.get_one(lock_template, name).get<bool>("mine");
    });
}

void create_template_database(session& maintenance, const std::string& name)
{
    const auto quoted = maintenance.quote_identifier(name);
    maintenance.run_plain(
        "create database " + quoted + " template leasehold_base strategy wal_log allow_connections false"
    );
    maintenance.run_plain("revoke all on database " + quoted + " from public");
    maintenance.run_plain("alter database " + quoted + " allow_connections true");
}

void prepare_template(session& inside)
{
    inside.in_transaction([](transaction& tx) {
        tx.run_script("grant usage, create on schema public to leasehold_template_owner");
    });
}

void finish_template(session& maintenance, const std::string& name)
{
    const auto quoted = maintenance.quote_identifier(name);
    maintenance.run_plain("alter database " + quoted + " allow_connections false");
    maintenance.run_plain("alter database " + quoted + " is_template true");
    if (look_at_template(maintenance, name) != database_state::ready) mismatch("template " + name);
}

void drop_unfinished_template(session& maintenance, const std::string& name)
{
    maintenance.run_plain("drop database if exists " + maintenance.quote_identifier(name) + " with (force)");
}

void drop_superseded_template(session& maintenance, const std::string& name)
{
    if (look_at_template(maintenance, name) == database_state::absent) return;
    const auto quoted = maintenance.quote_identifier(name);
    maintenance.run_plain("alter database " + quoted + " is_template false");
    maintenance.run_plain("drop database if exists " + quoted);
}

}  // namespace leasehold::control_plane::servers
