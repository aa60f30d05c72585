#include "servers/placement_rights.hpp"

#include "servers/base_database.hpp"
#include "servers/names.hpp"
#include "servers/roles.hpp"

#include <fmt/format.h>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query foreign_owned{"objects_not_owned", R"(
    select n.nspname || '.' || c.relname as object from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_roles r on r.oid = c.relowner
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and r.rolname <> $1
       and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')
    union all
    select n.nspname || '.' || p.proname from pg_catalog.pg_proc p
      join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      join pg_catalog.pg_roles r on r.oid = p.proowner
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and r.rolname <> $1
       and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
     limit 5)"};

constexpr query borrowed_15{"membership_borrowed", R"(
    select 1 from pg_catalog.pg_auth_members m join pg_catalog.pg_roles granted on granted.oid = m.roleid
      join pg_catalog.pg_roles member on member.oid = m.member
     where member.rolname = $1 and granted.rolname = $2)"};

constexpr query borrowed_16{"membership_borrowed_16", R"(
    select 1 from pg_catalog.pg_auth_members m join pg_catalog.pg_roles granted on granted.oid = m.roleid
      join pg_catalog.pg_roles member on member.oid = m.member
     where member.rolname = $1 and granted.rolname = $2 and (m.inherit_option or m.set_option))"};

constexpr query may_connect{"database_may_connect", R"(
    select pg_catalog.has_database_privilege($1::name, d.oid, 'CONNECT') as may
      from pg_catalog.pg_database d where d.datname = $2)"};

void set_gate(session& maintenance, const registry::placement& where, bool open)
{
    const role_names names(where.name);
    maintenance.in_transaction([&](transaction& tx) {
        tx.run_script(fmt::format(
            "{} connect on database {} {} {}",
            open ? "grant" : "revoke",
            tx.quote_identifier(where.database),
            open ? "to" : "from",
            identifiers(tx, names.tenant_logins())
        ));
    });
    maintenance.in_transaction([&](transaction& tx) {
        for (const auto& login : names.tenant_logins()) {
            if (tx.get_one(may_connect, login, where.database).get<bool>("may") != open)
                mismatch("CONNECT of " + login);
        }
    });
}

}  // namespace

void grant_rights(session& inside, const registry::placement& where, bool advisory_locks_too)
{
    const role_names names(where.name);
    const int version = inside.server_version();
    inside.in_transaction([&](transaction& tx) {
        const auto owner = tx.quote_identifier(names.owner);
        const auto rw = tx.quote_identifier(names.rw);
        const auto ro = tx.quote_identifier(names.ro);
        tx.run_script("set local lock_timeout = '2s'");
        borrow(tx, names.owner, version);
        tx.run_script(fmt::format(
            R"(
            grant usage, create on schema public to {0};
            grant usage on schema public to {1}, {2};
            reassign owned by leasehold_template_owner to {0};
            revoke all on schema public from leasehold_template_owner;
            set local role {0};
            grant select, insert, update, delete on all tables in schema public to {1};
            grant select on all tables in schema public to {2};
            grant usage, select, update on all sequences in schema public to {1};
            grant select on all sequences in schema public to {2};
            revoke execute on all routines in schema public from public;
            grant execute on all routines in schema public to {1}, {2};
            alter default privileges grant select, insert, update, delete on tables to {1};
            alter default privileges grant select on tables to {2};
            alter default privileges grant usage, select, update on sequences to {1};
            alter default privileges grant select on sequences to {2};
            alter default privileges revoke execute on routines from public;
            alter default privileges grant execute on routines to {1}, {2};
            alter default privileges grant usage on schemas to {1}, {2};
            revoke insert, update, delete on public.schema_version from {1};
            reset role)",
            owner,
            rw,
            ro
        ));
        if (advisory_locks_too) {
            tx.run_script(
                fmt::format("grant execute on function {} to {}, {}", advisory_functions(), owner, rw)
            );
        }
        give_back(tx, names.owner);
    });

    inside.in_transaction([&](transaction& tx) {
        if (const auto foreign = tx.find_all(foreign_owned, names.owner); !foreign.empty()) {
            mismatch("owner of " + foreign.front().get<std::string>("object"));
        }
        const auto& borrowed = version >= version_16 ? borrowed_16 : borrowed_15;
        if (tx.find_one(borrowed, provisioner_role, names.owner))
            mismatch("a borrowed membership of " + names.owner);
    });
}

void close_gate(session& maintenance, const registry::placement& where)
{
    set_gate(maintenance, where, false);
}

void open_gate(session& maintenance, const registry::placement& where)
{
    set_gate(maintenance, where, true);
}

}  // namespace leasehold::control_plane::servers
