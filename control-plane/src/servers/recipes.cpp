#include "servers/recipes.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

#include <array>
#include <thread>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr int version_16 = 160000;
constexpr std::string_view probe_login = "leasehold_probe_login";

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

std::string advisory_functions()
{
    std::string list = "pg_catalog.pg_advisory_unlock_all()";
    for (const auto name : advisory_locks) {
        list += fmt::format(", pg_catalog.{0}(bigint), pg_catalog.{0}(int, int)", name);
    }
    return list;
}

const std::vector<std::string> large_object_functions{
    "pg_catalog.lo_create(oid)", "pg_catalog.lo_creat(int)", "pg_catalog.lo_from_bytea(oid, bytea)"};

constexpr query find_role{"role_find", "select oid, rolcanlogin from pg_catalog.pg_roles where rolname = $1"};

constexpr query find_membership{"membership_find", R"(
    select 1 from pg_catalog.pg_auth_members m
      join pg_catalog.pg_roles granted on granted.oid = m.roleid
      join pg_catalog.pg_roles member on member.oid = m.member
     where granted.rolname = $1 and member.rolname = $2)"};

constexpr query find_database{"database_find", R"(
    select d.oid, d.datallowconn, d.datistemplate, pg_catalog.pg_get_userbyid(d.datdba)::text as owner,
           pg_catalog.shobj_description(d.oid, 'pg_database') as marker
      from pg_catalog.pg_database d where d.datname = $1)"};

// PUBLIC is the grantee with oid 0.
constexpr query public_rights{"database_public_rights", R"(
    select count(*) as n from pg_catalog.pg_database d,
           pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
     where d.datname = $1 and a.grantee = 0)"};

constexpr query may_connect{"database_may_connect", R"(
    select pg_catalog.has_database_privilege($1::name, d.oid, 'CONNECT') as may
      from pg_catalog.pg_database d where d.datname = $2)"};

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

// A lock of the maintenance database, which no tenant enters.
constexpr query lock_template{"template_lock", R"(
    select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0)) as mine)"};

// Held by the session: whoever probes the same server meanwhile waits for its lock_timeout.
constexpr query lock_probe{
    "probe_lock", "select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('leasehold_probe', 0))"};

// Rights of the database that this session is in, which came with leasehold_base.
constexpr query hardening_here{"hardening_here", R"(
    select not exists (select from pg_catalog.pg_namespace n,
                              pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
                        where n.nspname = 'public' and a.grantee = 0) as schema_closed,
           not exists (select from pg_catalog.unnest($1::pg_catalog.regprocedure[]) f
                        where pg_catalog.has_function_privilege('public', f, 'EXECUTE')) as large_objects_closed)"};

constexpr query terminate{"session_terminate", "select pg_catalog.pg_terminate_backend($1::int)"};

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

constexpr query tenant_roles{"roles_of_tenant", R"(
    select rolname::text as name from pg_catalog.pg_roles
     where rolname ~ ('^lease_[a-z]+_' || $1 || '_') or rolname ~ ('^t_' || $1 || '_[0-9]+(_|$)'))"};

constexpr query tenant_logins{"lease_logins_of_tenant", R"(
    select rolname::text as name from pg_catalog.pg_roles where rolname ~ ('^lease_[a-z]+_' || $1 || '_'))"};

// Objects that still name a role: which database, and whether it is a shared object (database oid 0).
constexpr query dependencies{"role_dependencies", R"(
    select distinct d.datname::text as database
      from pg_catalog.pg_shdepend s join pg_catalog.pg_roles r on r.oid = s.refobjid
      left join pg_catalog.pg_database d on d.oid = s.dbid
     where r.rolname = $1 and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and s.dbid <> 0)"};

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

constexpr query expired_logins{"lease_logins_expired", R"(
    select rolname::text as name from pg_catalog.pg_roles
     where rolname ~ '^lease_' and rolcanlogin and rolvaliduntil < now() - make_interval(secs => $1::float8))"};

constexpr query closed_logins{"lease_logins_closed", R"(
    select rolname::text as name from pg_catalog.pg_roles where rolname ~ '^lease_' and not rolcanlogin)"};

constexpr query sessions_of{"sessions_of_role", R"(
    select pid from pg_catalog.pg_stat_activity where usename = $1 and pid <> pg_catalog.pg_backend_pid())"};

constexpr query roleless_sessions{"sessions_without_role", R"(
    select a.pid from pg_catalog.pg_stat_activity a
     where a.usesysid is not null and not exists (select from pg_catalog.pg_roles r where r.oid = a.usesysid))"};

bool role_exists(transaction& tx, std::string_view role)
{
    return tx.find_one(find_role, role).has_value();
}

// One short transaction for a look.
template <class Look>
auto look(session& at, Look&& with)
{
    std::invoke_result_t<Look&, transaction&> found{};
    at.in_transaction([&](transaction& tx) { found = with(tx); });
    return found;
}

std::string identifiers(const transaction& tx, const std::vector<std::string>& names)
{
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + tx.quote_identifier(name);
    return list;
}

void grant_membership(
    transaction& tx,
    std::string_view granted,
    std::string_view member,
    std::string_view options_of_16,
    int version
)
{
    if (tx.find_one(find_membership, granted, member)) return;
    std::string sql = "grant " + tx.quote_identifier(granted) + " to " + tx.quote_identifier(member);
    if (version >= version_16) sql += " with " + std::string(options_of_16);
    tx.run_script(sql);
}

void create_role(transaction& tx, std::string_view role, std::string_view options)
{
    if (!role_exists(tx, role))
        tx.run_script("create role " + tx.quote_identifier(role) + " " + std::string(options));
}

// Borrows the owner's rights for the transaction; on 16 and later a creator has only ADMIN, which suffices to
// grant them.
void borrow(transaction& tx, std::string_view role, int version)
{
    tx.run_script(
        "grant " + tx.quote_identifier(role) + " to " + tx.quote_identifier(provisioner_role) +
        (version >= version_16 ? " with inherit true, set true" : "")
    );
}

void give_back(transaction& tx, std::string_view role)
{
    tx.run_script("revoke " + tx.quote_identifier(role) + " from " + tx.quote_identifier(provisioner_role));
}

struct database_look
{
    bool exists = false;
    bool open = false;
    bool is_template = false;
    std::string owner;
    std::string marker;
    std::string oid;
};

database_look look_at(transaction& tx, std::string_view name)
{
    database_look seen;
    if (const auto row = tx.find_one(find_database, name)) {
        seen.exists = true;
        seen.open = row->get<bool>("datallowconn");
        seen.is_template = row->get<bool>("datistemplate");
        seen.owner = row->get<std::string>("owner");
        seen.marker = row->find<std::string>("marker").value_or("");
        seen.oid = row->get<std::string>("oid");
    }
    return seen;
}

[[noreturn]] void mismatch(std::string_view what)
{
    throw error(
        error_kind::internal,
        "placement_mismatch",
        fmt::format("the catalog does not show what it should: {}", what)
    );
}

void terminate_each(session& maintenance, const std::vector<database::row>& pids)
{
    for (const auto& row : pids) {
        try {
            maintenance.in_transaction([&](transaction& tx) { tx.get_one(terminate, row.get<int>("pid")); });
        } catch (const database::sql_error& refused) {
            if (refused.sqlstate() != "42501") throw;  // a superuser's or autovacuum's: not ours to end
        }
    }
}

}  // namespace

namespace {

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

void bootstrap_server(
    session& superuser,
    const bootstrap_verifiers& with,
    const std::function<std::unique_ptr<session>(const std::string& database)>& open_database
)
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

namespace {

void create_roles(session& maintenance, const role_names& names)
{
    const int version = maintenance.server_version();
    maintenance.in_transaction([&](transaction& tx) {
        create_role(tx, names.owner, "nologin");
        create_role(tx, names.rw, "nologin");
        create_role(tx, names.ro, "nologin");
        for (const auto& login : names.logins()) create_role(tx, login, "nologin noinherit");

        constexpr std::string_view chained = "inherit false, set true";
        grant_membership(tx, names.rw, names.rw_login, chained, version);
        grant_membership(tx, names.ro, names.ro_login, chained, version);
        grant_membership(tx, names.ro, names.support_login, chained, version);
        grant_membership(tx, names.owner, names.migrate_login, chained, version);
        if (version >= version_16) {
            for (const auto& login : names.logins()) {
                grant_membership(
                    tx, login, broker_role_login, "admin true, inherit false, set false", version
                );
            }
        }
    });
}

void check_roles(transaction& tx, const role_names& names)
{
    for (const auto& name : names.all()) {
        const auto role = tx.find_one(find_role, name);
        if (!role || role->get<bool>("rolcanlogin")) mismatch("role " + name);
    }
    const bool chained = tx.find_one(find_membership, names.rw, names.rw_login).has_value() &&
                         tx.find_one(find_membership, names.ro, names.ro_login).has_value() &&
                         tx.find_one(find_membership, names.ro, names.support_login).has_value() &&
                         tx.find_one(find_membership, names.owner, names.migrate_login).has_value();
    if (!chained) mismatch("memberships of " + names.owner);
}

}  // namespace

void create_placement(
    session& maintenance,
    const registry::placement& where,
    const std::string& marker,
    const std::string& template_database,
    int connection_limit
)
{
    const role_names names(where.name);
    const auto quoted = maintenance.quote_identifier(where.database);

    auto seen = look(maintenance, [&](transaction& tx) { return look_at(tx, where.database); });
    if (seen.exists && !seen.marker.empty() && seen.marker != marker) {
        throw error(
            error_kind::internal,
            "placement_mismatch",
            fmt::format("database {} carries another marker", where.database),
            seen.marker
        );
    }
    if (seen.exists && seen.marker.empty()) {
        if (seen.owner != provisioner_role || seen.open) {
            throw error(
                error_kind::conflict,
                "name_taken",
                fmt::format("a database {} that is not ours is there already", where.database)
            );
        }
        // Ours, closed and without a marker: a create that was killed. Nobody could ever enter it.
        maintenance.run_plain("drop database " + quoted + " with (force)");
        seen.exists = false;
    }

    create_roles(maintenance, names);
    if (!seen.exists) {
        maintenance.run_plain(fmt::format(
            "create database {} template {} strategy wal_log allow_connections false connection limit {}",
            quoted,
            maintenance.quote_identifier(template_database),
            connection_limit
        ));
    }
    if (!seen.open) {
        maintenance.in_transaction([&](transaction& tx) {
            tx.run_script("revoke all on database " + quoted + " from public");
            tx.run_script("grant connect on database " + quoted + " to " + identifiers(tx, names.logins()));
            tx.run_script("grant temporary on database " + quoted + " to " + tx.quote_identifier(names.rw));
            tx.run_script(
                "grant create, temporary on database " + quoted + " to " + tx.quote_identifier(names.owner)
            );
            tx.run_script("comment on database " + quoted + " is " + tx.quote_literal(marker));
        });
        maintenance.run_plain("alter database " + quoted + " allow_connections true");
    }

    maintenance.in_transaction([&](transaction& tx) {
        check_roles(tx, names);
        const auto now = look_at(tx, where.database);
        if (!now.open || now.owner != provisioner_role || now.marker != marker)
            mismatch("database " + where.database);
        if (tx.get_one(public_rights, where.database).get<int>("n") != 0)
            mismatch("PUBLIC on " + where.database);
    });
}

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

std::vector<std::string>
creation_statements(role_class what, const registry::placement& where, int server_version)
{
    const role_names names(where.name);
    std::vector<std::string> statements{
        fmt::format(
            "CREATE ROLE \"{{{{name}}}}\" LOGIN INHERIT PASSWORD '{{{{password}}}}' VALID UNTIL "
            "'{{{{expiration}}}}' IN ROLE {}",
            names.login_of(what)
        ),
        fmt::format("ALTER ROLE \"{{{{name}}}}\" SET role = '{}'", names.data_role_of(what)),
    };
    if (what == role_class::ro || what == role_class::support) {
        statements.emplace_back("ALTER ROLE \"{{name}}\" SET default_transaction_read_only = on");
    }
    if (server_version >= version_16) {
        // Or the sweeper could neither repair nor drop it.
        statements.emplace_back(
            "GRANT \"{{name}}\" TO leasehold_provisioner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        );
    }
    return statements;
}

std::vector<std::string> revocation_statements()
{
    // One element: the word END keeps the broker from splitting it. The lock_timeout: nobody may hold up the
    // broker.
    return {R"(DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN
  PERFORM pg_catalog.set_config('lock_timeout', '50ms', true);
  FOR i IN 1..20 LOOP
    PERFORM pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}';
    EXIT WHEN NOT FOUND;
    PERFORM pg_catalog.pg_sleep(0.02);  PERFORM pg_catalog.pg_stat_clear_snapshot();
  END LOOP;
  ALTER ROLE "{{name}}" NOLOGIN PASSWORD NULL;
  PERFORM pg_catalog.pg_stat_clear_snapshot();
  PERFORM pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}';
  BEGIN DROP ROLE "{{name}}"; EXCEPTION WHEN dependent_objects_still_exist OR lock_not_available THEN NULL; END;
END IF; END $$)"};
}

namespace {

void check_gate(session& maintenance, const registry::placement& where, bool open)
{
    const role_names names(where.name);
    maintenance.in_transaction([&](transaction& tx) {
        for (const auto& login : names.tenant_logins()) {
            if (tx.get_one(may_connect, login, where.database).get<bool>("may") != open)
                mismatch("CONNECT of " + login);
        }
    });
}

}  // namespace

void close_gate(session& maintenance, const registry::placement& where)
{
    const role_names names(where.name);
    maintenance.in_transaction([&](transaction& tx) {
        tx.run_script(
            "revoke connect on database " + tx.quote_identifier(where.database) + " from " +
            identifiers(tx, names.tenant_logins())
        );
    });
    check_gate(maintenance, where, false);
}

void open_gate(session& maintenance, const registry::placement& where)
{
    const role_names names(where.name);
    maintenance.in_transaction([&](transaction& tx) {
        tx.run_script(
            "grant connect on database " + tx.quote_identifier(where.database) + " to " +
            identifiers(tx, names.tenant_logins())
        );
    });
    check_gate(maintenance, where, true);
}

namespace {

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

int count_sessions(
    session& maintenance, const std::string& database, const std::vector<std::string>& login_roles
)
{
    return static_cast<int>(sessions_now(maintenance, database, login_roles).size());
}

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

std::string marker_on(session& maintenance, const std::string& database)
{
    return look(maintenance, [&](transaction& tx) { return look_at(tx, database); }).marker;
}

bool database_exists(session& maintenance, const std::string& database)
{
    return look(maintenance, [&](transaction& tx) { return look_at(tx, database); }).exists;
}

void drop_placement_database(
    session& maintenance, const registry::placement& where, const std::string& marker
)
{
    const auto seen = look(maintenance, [&](transaction& tx) { return look_at(tx, where.database); });
    if (!seen.exists) return;
    const bool never_opened = seen.marker.empty() && !seen.open && seen.owner == provisioner_role;
    if (seen.marker != marker && !never_opened) {
        throw error(
            error_kind::internal,
            "placement_mismatch",
            fmt::format("database {} is not this tenant's: it is not dropped", where.database),
            seen.marker
        );
    }
    maintenance.run_plain("drop database " + maintenance.quote_identifier(where.database) + " with (force)");
    if (database_exists(maintenance, where.database))
        mismatch("database " + where.database + " after its drop");
}

namespace {

using open_inside = std::function<std::unique_ptr<session>(const std::string& database)>;

// Takes away what a role was given in other databases of the server (a tenant may GRANT on its own objects to
// any role), then drops it. The owners must be borrowed too: without them DROP OWNED BY only warns.
void drop_role(session& maintenance, const std::string& role, const open_inside& open_database)
{
    const auto databases = look(maintenance, [&](transaction& tx) {
        std::vector<std::string> names;
        for (const auto& row : tx.find_all(dependencies, role)) {
            if (auto name = row.find<std::string>("database")) names.push_back(std::move(*name));
        }
        return names;
    });
    for (const auto& name : databases) {
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

std::vector<std::string> names_in(session& maintenance, const query& what, const database::params& with = {})
{
    return look(maintenance, [&](transaction& tx) {
        std::vector<std::string> names;
        for (const auto& row : tx.query_rows(what, with)) names.push_back(row.get<std::string>("name"));
        return names;
    });
}

// Closed, cut and dropped, whatever holds it. The broker may drop it in between, which is as good.
void remove_login(session& maintenance, const std::string& role, const open_inside& open_database)
{
    try {
        end_sessions_of(maintenance, role);  // first: one of them may hold the role
        maintenance.in_transaction([&](transaction& tx) {
            const auto found = tx.find_one(find_role, role);
            if (found && found->get<bool>("rolcanlogin"))
                tx.run_script("alter role " + tx.quote_identifier(role) + " nologin password null");
        });
        end_sessions_of(maintenance, role);
        drop_role(maintenance, role, open_database);
    } catch (const database::sql_error&) {
        if (login_exists(maintenance, role)) throw;
    }
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

std::vector<std::string> probe_creation_statements(int server_version)
{
    std::vector<std::string> statements{
        "CREATE ROLE \"{{name}}\" LOGIN INHERIT PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE "
        "leasehold_probe_login"};
    if (server_version >= version_16) {
        statements.emplace_back(
            "GRANT \"{{name}}\" TO leasehold_provisioner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        );
    }
    return statements;
}

hardening look_at_hardening(session& inside)
{
    return look(inside, [](transaction& tx) {
        const auto seen = tx.get_one(hardening_here, database::to_array(large_object_functions));
        return hardening{seen.get<bool>("schema_closed"), seen.get<bool>("large_objects_closed")};
    });
}

bool login_exists(session& maintenance, const std::string& name)
{
    return look(maintenance, [&](transaction& tx) { return role_exists(tx, name); });
}

void drop_probe(session& maintenance)
{
    maintenance.run_plain("drop database if exists leasehold_probe with (force)");
    maintenance.run_plain("drop role if exists leasehold_probe_login");
}

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
