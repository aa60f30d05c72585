#include "columns.hpp"

#include <leasehold/registry/servers.hpp>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

#define LEASEHOLD_SERVER_COLUMNS                                                                             \
    "s.id, s.name, to_jsonb(s.addresses) as addresses, s.sslmode, s.ca, s.region, s.jurisdiction, "          \
    "s.broker_config, "                                                                                      \
    "s.max_tenants, s.connection_budget, to_jsonb(s.accepted) as accepted, s.state, s.version, "             \
    "s.preflight, " LEASEHOLD_UTC("s.preflight_at"                                                           \
    ) " as preflight_at, "                                                                                   \
      "(select count(*) from public.registry_placement p where p.server_id = s.id) as tenants "              \
      "from public.registry_server s "

constexpr query list_servers{"servers_list", "select " LEASEHOLD_SERVER_COLUMNS " order by s.name"};
constexpr query find_server{"server_find", "select " LEASEHOLD_SERVER_COLUMNS " where s.id = $1::uuid"};

// `xmax = 0` tells an insert from an update.
constexpr query upsert_server{"server_upsert", R"(
    insert into public.registry_server as s (id, name, addresses, sslmode, ca, region, jurisdiction, broker_config,
                                      connection_budget, accepted)
    values ($1::uuid, $2, $3::text[], $4, $5, $6, $7, $8, $9::bigint, $10::text[])
    on conflict (name) do update set addresses = excluded.addresses, sslmode = excluded.sslmode, ca = excluded.ca,
        region = excluded.region, jurisdiction = excluded.jurisdiction, broker_config = excluded.broker_config,
        connection_budget = excluded.connection_budget, accepted = excluded.accepted, updated_at = now()
    returning s.id, s.xmax = 0 as made)"};

constexpr query update_preflight{"server_preflight", R"(
    update public.registry_server
       set preflight = $2::jsonb, preflight_at = now(), version = $3, updated_at = now(),
           state = case when $4 = 'active' and state in ('full', 'draining') then state else $4 end
     where id = $1::uuid)"};

constexpr query ready_template{"template_ready", R"(
    insert into public.registry_template as t (server_id, chain_checksum, database)
    select $1::uuid, $2, $3 where not exists (
        select from public.registry_template where server_id = $1::uuid and chain_checksum = $2 and state = 'ready')
    on conflict (server_id, chain_checksum) do update set state = 'ready', built_at = now() where t.state <> 'ready')"};

constexpr query list_superseded{"templates_superseded", R"(
    select database from public.registry_template where server_id = $1::uuid order by built_at desc offset 2)"};

constexpr query delete_template{"template_delete", R"(
    delete from public.registry_template where server_id = $1::uuid and database = $2)"};

server to_server(const database::row& row)
{
    server found;
    found.id = row.get<server_id>("id");
    found.name = row.get<std::string>("name");
    found.addresses = read_json(row, "addresses").get<std::vector<std::string>>();
    found.sslmode = row.get<std::string>("sslmode");
    found.ca = row.find<std::string>("ca").value_or("");
    found.region = row.get<std::string>("region");
    found.jurisdiction = row.get<std::string>("jurisdiction");
    found.broker_config = row.find<std::string>("broker_config");
    found.max_tenants = row.get<std::int64_t>("max_tenants");
    found.connection_budget = row.get<std::int64_t>("connection_budget");
    found.accepted = read_json(row, "accepted").get<std::vector<std::string>>();
    found.state = row.get<std::string>("state");
    found.version = row.get<std::string>("version");
    found.preflight = read_json(row, "preflight");
    found.preflight_at = find_time(row, "preflight_at");
    found.tenants = row.get<std::int64_t>("tenants");
    return found;
}

}  // namespace

task<std::vector<server>> servers::list()
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<server> found;
        for (const auto& row : tx.find_all(list_servers)) found.push_back(to_server(row));
        return found;
    });
}

task<server> servers::get(server_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_server, id);
        if (!row) throw error(error_kind::not_found, "server_not_found", "there is no such server");
        return to_server(*row);
    });
}

task<server_id> servers::upsert(principal who, server what)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.get_one(
            upsert_server,
            what.id,
            what.name,
            database::to_array(what.addresses),
            what.sslmode,
            text_or_null(what.ca),
            what.region,
            what.jurisdiction,
            what.broker_config,
            what.connection_budget,
            database::to_array(what.accepted)
        );
        const auto action = row.get<bool>("made") ? "server.add" : "server.update";
        append_audit(
            tx,
            who,
            action,
            std::nullopt,
            what.name,
            {{"addresses", what.addresses},
             {"region", what.region},
             {"jurisdiction", what.jurisdiction},
             {"connection_budget", what.connection_budget},
             {"accepted", what.accepted}}
        );
        return row.get<server_id>("id");
    });
}

task<void> servers::store_preflight(
    principal who, server_id id, nlohmann::json findings, std::string version, std::string state
)
{
    co_await pool_.run([&](transaction& tx) {
        tx.change(update_preflight, id, findings.dump(), version, state);
        append_audit(
            tx,
            who,
            "server.preflight",
            std::nullopt,
            id.to_string(),
            {{"state", state}, {"version", version}}
        );
    });
}

task<void> servers::template_ready(server_id id, std::string checksum, std::string database)
{
    co_await pool_.run([&](transaction& tx) { tx.change(ready_template, id, checksum, database); });
}

task<std::vector<std::string>> servers::superseded_templates(server_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<std::string> found;
        for (const auto& row : tx.find_all(list_superseded, id))
            found.push_back(row.get<std::string>("database"));
        return found;
    });
}

task<void> servers::forget_template(server_id id, std::string database)
{
    co_await pool_.run([&](transaction& tx) { tx.change(delete_template, id, database); });
}

}  // namespace leasehold::registry
