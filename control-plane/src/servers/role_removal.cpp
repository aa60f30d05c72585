#include "servers/role_removal.hpp"

#include "servers/names.hpp"
#include "servers/roles.hpp"
#include "servers/session_cut.hpp"

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query tenant_roles{"roles_of_tenant", R"(
    select rolname::text as name from pg_catalog.pg_roles
     where rolname ~ ('^lease_[a-z]+_' || $1 || '_') or rolname ~ ('^t_' || $1 || '_[0-9]+(_|$)'))"};

constexpr query tenant_logins{"lease_logins_of_tenant", R"(
    select rolname::text as name from pg_catalog.pg_roles where rolname ~ ('^lease_[a-z]+_' || $1 || '_'))"};

// Databases in which objects still name a role.
constexpr query dependencies{"role_dependencies", R"(
    select distinct d.datname::text as name
      from pg_catalog.pg_shdepend s join pg_catalog.pg_roles r on r.oid = s.refobjid
      join pg_catalog.pg_database d on d.oid = s.dbid
     where r.rolname = $1 and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass)"};

constexpr query owners_in_way{"role_dependency_owners", R"(
    select distinct pg_catalog.pg_get_userbyid(c.relowner)::text as owner from pg_catalog.pg_class c,
           pg_catalog.aclexplode(c.relacl) a join pg_catalog.pg_roles r on r.oid = a.grantee where r.rolname = $1
    union
    select distinct pg_catalog.pg_get_userbyid(n.nspowner)::text from pg_catalog.pg_namespace n,
           pg_catalog.aclexplode(n.nspacl) a join pg_catalog.pg_roles r on r.oid = a.grantee where r.rolname = $1
    union
    select distinct pg_catalog.pg_get_userbyid(p.proowner)::text from pg_catalog.pg_proc p,
           pg_catalog.aclexplode(p.proacl) a join pg_catalog.pg_roles r on r.oid = a.grantee where r.rolname = $1
    union
    select distinct pg_catalog.pg_get_userbyid(f.defaclrole)::text from pg_catalog.pg_default_acl f,
           pg_catalog.aclexplode(f.defaclacl) a join pg_catalog.pg_roles r on r.oid = a.grantee where r.rolname = $1)"};

constexpr query sessions_of{"sessions_of_role", R"(
    select pid from pg_catalog.pg_stat_activity where usename = $1 and pid <> pg_catalog.pg_backend_pid())"};

// Takes away what a role was given in other databases of the server (a tenant may GRANT on its own objects to
// any role), then drops it. The owners must be borrowed too: without them DROP OWNED BY only warns.
void drop_role(session& maintenance, const std::string& role, const open_inside& open_database)
{
    for (const auto& name : names_in(maintenance, dependencies, {role})) {
        const auto inside = open_database(name);
        const int version = inside->server_version();
        inside->in_transaction([&](transaction& tx) {
            tx.run_script("set local lock_timeout = '2s'");
            std::vector<std::string> borrowed{role};
            for (const auto& row : tx.find_all(owners_in_way, role)) {
                auto owner = row.get<std::string>("owner");
                if (owner != provisioner_role && owner != role) borrowed.push_back(std::move(owner));
            }
            for (const auto& one : borrowed) borrow(tx, one, version);
            tx.run_script("drop owned by " + tx.quote_identifier(role));
            for (const auto& one : borrowed) give_back(tx, one);
        });
    }
    maintenance.in_transaction([&](transaction& tx) {
        tx.run_script("set local lock_timeout = '2s'");
        if (role_exists(tx, role)) tx.run_script("drop role " + tx.quote_identifier(role));
    });
}

void end_sessions_of(session& maintenance, const std::string& role)
{
    terminate_each(maintenance, look(maintenance, [&](transaction& tx) {
                       return tx.find_all(sessions_of, role);
                   }));
}

}  // namespace

void drop_lease_logins(session& maintenance, const std::string& tid, const open_inside& open_database)
{
    for (const auto& role : names_in(maintenance, tenant_logins, {tid}))
        remove_login(maintenance, role, open_database);
}

void drop_placement_roles(
    session& maintenance, const registry::placement& where, const open_inside& open_database
)
{
    for (const auto& role : role_names(where.name).all()) drop_role(maintenance, role, open_database);
}

std::vector<std::string> roles_left(session& maintenance, const std::string& tid)
{
    return names_in(maintenance, tenant_roles, {tid});
}

void remove_login(session& maintenance, const std::string& role, const open_inside& open_database)
{
    try {
        end_sessions_of(maintenance, role);  // first: one of them may hold the role
        maintenance.in_transaction([&](transaction& tx) {
            if (may_log_in(tx, role).value_or(false))
                tx.run_script("alter role " + tx.quote_identifier(role) + " nologin password null");
        });
        end_sessions_of(maintenance, role);
        drop_role(maintenance, role, open_database);
    } catch (const database::sql_error&) {
        if (login_exists(maintenance, role)) throw;
    }
}

}  // namespace leasehold::control_plane::servers
