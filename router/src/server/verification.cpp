#include "server/verification.hpp"

#include <leasehold/vault-client/names.hpp>

#include <charconv>

namespace leasehold::router {
namespace {

// Names are qualified: a tenant may plant look-alikes in what search_path names.
constexpr std::string_view check_sql = R"(
select pg_catalog.current_database()::pg_catalog.text,
       session_user::pg_catalog.text,
       current_user::pg_catalog.text,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_schema()::pg_catalog.text,
       (select pg_catalog.shobj_description(d.oid, 'pg_database') from pg_catalog.pg_database d
         where d.datname operator(pg_catalog.=) pg_catalog.current_database()),
       (select pg_catalog.string_agg(g.rolname::pg_catalog.text, ',' order by g.rolname)
          from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid operator(pg_catalog.=) m.roleid
         where m.member operator(pg_catalog.=) u.oid),
       (select pg_catalog.string_agg(s.setdatabase::pg_catalog.text operator(pg_catalog.||) ':'
                                     operator(pg_catalog.||) c, ',' order by s.setdatabase, c)
          from pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c
         where s.setrole operator(pg_catalog.=) u.oid)
  from pg_catalog.pg_roles u where u.rolname operator(pg_catalog.=) session_user)";

struct marker
{
    std::string_view installation;
    std::string_view tenant;
    std::string_view tid;
    int generation = 0;
};

std::string_view next_word(std::string_view& rest) noexcept
{
    const auto end = rest.find(' ');
    const auto word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}

// leasehold/1 <installation> <tenant id> <tid> <generation>
std::optional<marker> parse_marker(std::string_view text) noexcept
{
    if (next_word(text) != "leasehold/1") return std::nullopt;
    marker found;
    found.installation = next_word(text);
    found.tenant = next_word(text);
    found.tid = next_word(text);
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, found.generation);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    return found;
}

std::string data_role_of(const expected_session& want)
{
    const bool writes = want.role == role_class::rw;
    return want.placement.name + (writes ? "_rw" : "_ro");
}

std::string settings_of(const expected_session& want)
{
    const auto role = "0:role=" + data_role_of(want);
    return want.role == role_class::rw ? role : "0:default_transaction_read_only=on," + role;
}

}  // namespace

std::string_view check_query() noexcept
{
    return check_sql;
}

seen_session to_seen(const text_row& row)
{
    const auto at = [&](std::size_t i) { return i < row.size() && row[i] ? *row[i] : std::string(); };
    seen_session seen;
    seen.database = at(0);
    seen.session_user = at(1);
    seen.current_user = at(2);
    seen.is_in_recovery = at(3) != "f";
    seen.schema = at(4);
    seen.marker = at(5);
    seen.groups = at(6);
    seen.settings = at(7);
    return seen;
}

judgement judge(const expected_session& want, const seen_session& seen)
{
    if (seen.database != want.placement.database) return {verdict::mismatch, "the database is another one"};
    if (want.role == role_class::rw && seen.is_in_recovery)
        return {verdict::in_recovery, "the server is a standby"};
    if (!want.has_lease) return {};

    const auto mark = parse_marker(seen.marker);
    if (!mark) return {verdict::mismatch, "the database has no marker of ours"};
    if (mark->installation != want.installation.to_string())
        return {verdict::mismatch, "another installation's marker"};
    if (mark->tenant != want.tenant.to_string() || mark->tid != want.tid) {
        return {verdict::mismatch, "another tenant's marker"};
    }
    if (mark->generation > want.placement.generation) return {verdict::stale, "the marker is newer"};
    if (mark->generation < want.placement.generation) return {verdict::mismatch, "the marker is older"};

    const auto tenant = tid::parse(want.tid);
    const auto role = vault_client::role_of(want.role, *tenant, want.placement.generation);
    if (!seen.session_user.starts_with(vault_client::username_prefix(role))) {
        return {verdict::mismatch, "the login is not a lease of this tenant and class"};
    }
    const auto group = want.placement.name + (want.role == role_class::rw ? "_rw_login" : "_ro_login");
    if (seen.groups != group) return {verdict::mismatch, "the login is not in the tenant's group alone"};
    if (seen.settings != settings_of(want))
        return {verdict::tampered, "the login's settings are not as issued"};
    if (seen.current_user != data_role_of(want))
        return {verdict::tampered, "the default role is not as issued"};
    return {};
}

}  // namespace leasehold::router
