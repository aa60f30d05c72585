#include "servers/catalog.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::servers {
namespace {

using database::query;
using database::transaction;

constexpr query find_database{"database_find", R"(
    select d.oid, d.datallowconn, d.datistemplate, pg_catalog.pg_get_userbyid(d.datdba)::text as owner,
           pg_catalog.shobj_description(d.oid, 'pg_database') as marker
      from pg_catalog.pg_database d where d.datname = $1)"};

}  // namespace

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

std::string marker_on(session& maintenance, const std::string& database)
{
    return look(maintenance, [&](transaction& tx) { return look_at(tx, database); }).marker;
}

bool database_exists(session& maintenance, const std::string& database)
{
    return look(maintenance, [&](transaction& tx) { return look_at(tx, database); }).exists;
}

std::vector<std::string> names_in(session& maintenance, const query& what, const database::params& with)
{
    return look(maintenance, [&](transaction& tx) {
        std::vector<std::string> names;
        for (const auto& row : tx.query_rows(what, with)) names.push_back(row.get<std::string>("name"));
        return names;
    });
}

void mismatch(std::string_view what)
{
    throw error(
        error_kind::internal,
        "placement_mismatch",
        fmt::format("the catalog does not show what it should: {}", what)
    );
}

}  // namespace leasehold::control_plane::servers
