#include "servers/roles.hpp"

#include "servers/names.hpp"

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query find_role{"role_find", "select rolcanlogin from pg_catalog.pg_roles where rolname = $1"};

constexpr query find_membership{"membership_find", R"(
    select 1 from pg_catalog.pg_auth_members m
      join pg_catalog.pg_roles granted on granted.oid = m.roleid
      join pg_catalog.pg_roles member on member.oid = m.member
     where granted.rolname = $1 and member.rolname = $2)"};

}  // namespace

std::optional<bool> may_log_in(transaction& tx, std::string_view role)
{
    const auto found = tx.find_one(find_role, role);
    if (!found) return {};
    return found->get<bool>("rolcanlogin");
}

bool role_exists(transaction& tx, std::string_view role)
{
    return may_log_in(tx, role).has_value();
}

bool login_exists(session& maintenance, const std::string& name)
{
    return look(maintenance, [&](transaction& tx) { return role_exists(tx, name); });
}

void create_role(transaction& tx, std::string_view role, std::string_view options)
{
    if (!role_exists(tx, role))
        tx.run_script("create role " + tx.quote_identifier(role) + " " + std::string(options));
}

bool is_member(transaction& tx, std::string_view granted, std::string_view member)
{
    return tx.find_one(find_membership, granted, member).has_value();
}

void grant_membership(
    transaction& tx,
    std::string_view granted,
    std::string_view member,
    std::string_view options_of_16,
    int version
)
{
    if (is_member(tx, granted, member)) return;
    std::string sql = "grant " + tx.quote_identifier(granted) + " to " + tx.quote_identifier(member);
    if (version >= version_16) sql += " with " + std::string(options_of_16);
    tx.run_script(sql);
}

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

std::string identifiers(const transaction& tx, const std::vector<std::string>& names)
{
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + tx.quote_identifier(name);
    return list;
}

}  // namespace leasehold::control_plane::servers
