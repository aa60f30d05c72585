#include "servers/placement_database.hpp"

#include "servers/names.hpp"
#include "servers/roles.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

// PUBLIC is the grantee with oid 0.
constexpr query public_rights{"database_public_rights", R"(
    select count(*) as n from pg_catalog.pg_database d,
           pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
     where d.datname = $1 and a.grantee = 0)"};

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
        if (may_log_in(tx, name).value_or(true)) mismatch("role " + name);
    }
    const bool chained = is_member(tx, names.rw, names.rw_login) && is_member(tx, names.ro, names.ro_login) &&
                         is_member(tx, names.ro, names.support_login) &&
                         is_member(tx, names.owner, names.migrate_login);
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

}  // namespace leasehold::control_plane::servers
