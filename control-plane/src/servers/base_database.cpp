#include "servers/base_database.hpp"

#include "servers/names.hpp"

#include <fmt/format.h>

#include <array>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

// The 21 advisory lock functions, the same on 15 and 17, each as (bigint) and (int,int), and the one without
// arguments.
constexpr std::array<std::string_view, 10> advisory_locks{
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_shared",
};

const std::vector<std::string> large_object_functions{
    "pg_catalog.lo_create(oid)", "pg_catalog.lo_creat(int)", "pg_catalog.lo_from_bytea(oid, bytea)"};

// Rights of the database that this session is in, which came with leasehold_base.
constexpr query hardening_here{"hardening_here", R"(
    select not exists (select from pg_catalog.pg_namespace n,
                              pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
                        where n.nspname = 'public' and a.grantee = 0) as schema_closed,
           not exists (select from pg_catalog.unnest($1::pg_catalog.regprocedure[]) f
                        where pg_catalog.has_function_privilege('public', f, 'EXECUTE')) as large_objects_closed)"};

std::string literal(std::string_view text)
{
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    return quoted + "'";
}

std::string bootstrap_roles(const bootstrap_verifiers& with)
{
    std::string script;
    for (const auto role : {provisioner_role, broker_role_login, template_owner_role}) {
        script += fmt::format(
            "do $$ begin if not exists (select from pg_catalog.pg_roles where rolname = '{0}') then\n"
            "  create role {0}; end if; end $$;\n",
            role
        );
    }
    script += fmt::format(
        "alter role leasehold_provisioner login createdb createrole connection limit 16 password {};\n"
        "alter role leasehold_broker login createrole connection limit 8{};\n",
        literal(with.provisioner),
        with.broker ? " password " + literal(*with.broker) : ""
    );
    script += R"(grant pg_signal_backend to leasehold_provisioner, leasehold_broker;
alter role leasehold_provisioner set search_path = pg_catalog, pg_temp;
alter role leasehold_broker set search_path = pg_catalog, pg_temp;
grant leasehold_template_owner to leasehold_provisioner;
)";
    return script;
}

constexpr std::string_view create_base = "create database leasehold_base owner leasehold_provisioner "
                                         "template template0 encoding 'UTF8' strategy wal_log";

constexpr std::string_view close_to_public =
    R"(revoke connect, temporary on database postgres, template1, leasehold_base from public;
grant connect on database postgres to leasehold_provisioner, leasehold_broker;
)";

std::string harden_base()
{
    return fmt::format(
        R"(revoke all on schema public from public;
revoke execute on function {0} from public;
grant execute on function {0} to leasehold_provisioner with grant option;
revoke execute on function {1} from public;
grant execute on function {1} to leasehold_provisioner with grant option;
)",
        fmt::join(large_object_functions, ", "),
        advisory_functions()
    );
}

constexpr std::string_view open_base = "alter database leasehold_base allow_connections true";
constexpr std::string_view close_base = "alter database leasehold_base allow_connections false";

void run_script(session& at, const std::string& script)
{
    at.in_transaction([&](transaction& tx) { tx.run_script(script); });
}

}  // namespace

std::string advisory_functions()
{
    std::string list = "pg_catalog.pg_advisory_unlock_all()";
    for (const auto name : advisory_locks) {
        list += fmt::format(", pg_catalog.{0}(bigint), pg_catalog.{0}(int, int)", name);
    }
    return list;
}

void bootstrap_server(session& superuser, const bootstrap_verifiers& with, const open_inside& open_database)
{
    run_script(superuser, bootstrap_roles(with));
    if (!database_exists(superuser, std::string(base_database))) superuser.run_plain(create_base);
    run_script(superuser, std::string(close_to_public));
    superuser.run_plain(open_base);
    run_script(*open_database(std::string(base_database)), harden_base());
    superuser.run_plain(close_base);
}

std::string bootstrap_script(const bootstrap_verifiers& with)
{
    return fmt::format(
        R"(-- Prepares this PostgreSQL server for Leasehold: two logins, the base database, PUBLIC closed.
-- Run it once as superuser: psql -X -d postgres -f THIS_FILE. Safe to repeat. Of passwords it has verifiers alone.
\set ON_ERROR_STOP on
set client_min_messages = warning;
begin;
{}commit;
select {} where not exists (select from pg_catalog.pg_database where datname = 'leasehold_base') \gexec
{}{};
\connect leasehold_base
begin;
{}commit;
\connect postgres
{};
)",
        bootstrap_roles(with),
        literal(create_base),
        close_to_public,
        open_base,
        harden_base(),
        close_base
    );
}

bool is_base_closed(session& maintenance)
{
    const auto base = look(maintenance, [](transaction& tx) { return look_at(tx, base_database); });
    return base.exists && !base.open;
}

hardening look_at_hardening(session& inside)
{
    return look(inside, [](transaction& tx) {
        const auto seen = tx.get_one(hardening_here, database::to_array(large_object_functions));
        return hardening{seen.get<bool>("schema_closed"), seen.get<bool>("large_objects_closed")};
    });
}

}  // namespace leasehold::control_plane::servers
