#include "columns.hpp"

#include <leasehold/registry/fleet.hpp>
#include <leasehold/registry/principal.hpp>

#include <fmt/format.h>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

// active and suspended tenants are migrated; provisioning ones come from a template, the rest is left out.
#define LEASEHOLD_FLEET_FROM                                                                                 \
    " from public.registry_tenant t join public.registry_placement p on p.tenant_id = t.id and p.state = "   \
    "'current' "                                                                                             \
    " join public.registry_server s on s.id = p.server_id "                                                  \
    " left join public.registry_schema_state c on c.tenant_id = t.id and c.chain = 'tenant' "                \
    " where t.state in ('active', 'suspended') "

constexpr query count_fleet{
    "fleet_count",
    "select count(*) filter (where c.checksum = $1) as current,"
    " count(*) filter (where c.checksum is distinct from $1) as pending " LEASEHOLD_FLEET_FROM};

constexpr query page_fleet{
    "fleet_page",
    "select t.id, t.tid, t.slug, p.server_id, s.name as server_name, p.database, p.schema, "
    "p.generation " LEASEHOLD_FLEET_FROM R"(
       and c.checksum is distinct from $1 and ($2::uuid is null or t.id > $2::uuid) order by t.id limit $3::bigint)"};

constexpr query upsert_state{"schema_state_upsert", R"(
    insert into public.registry_schema_state (chain, tenant_id, version, contract_version, checksum, verified_at)
    values ($1, $2::uuid, $3::bigint, $4::bigint, $5, now())
    on conflict on constraint registry_schema_state_key do update
       set version = excluded.version, contract_version = excluded.contract_version, checksum = excluded.checksum,
           updated_at = now(), verified_at = now())"};

constexpr query installation_id{"fleet_installation", R"(
    select value #>> '{}' as id from public.registry_setting where key = 'installation')"};
constexpr query license{"fleet_license", "select document from public.registry_license"};
constexpr query count_tenants{"fleet_tenants", R"(
    select count(*) as n from public.registry_tenant where state <> 'deleted')"};

constexpr query insert_server{"collapsed_server", R"(
    insert into public.registry_server (id, name, addresses, sslmode, ca, connection_budget, state)
    values ($1::uuid, 'collapsed', $2::text[], $3, nullif($4, ''), 100, 'active')
    on conflict (name) do update set addresses = excluded.addresses, sslmode = excluded.sslmode, ca = excluded.ca
     where (registry_server.addresses, registry_server.sslmode, registry_server.ca)
           is distinct from (excluded.addresses, excluded.sslmode, excluded.ca))"};

constexpr query insert_tenant{"collapsed_tenant", R"(
    insert into public.registry_tenant (id, tid, slug, name, created_by) values ($1::uuid, $2, 'default', 'default', $3)
    on conflict (id) do nothing)"};

constexpr query insert_placement{"collapsed_placement", R"(
    insert into public.registry_placement (tenant_id, generation, server_id, tier, name, database, schema, state)
    values ($1::uuid, 1, $2::uuid, 'database', $3, $4, 'public', 'current') on conflict do nothing)"};

constexpr query activate{"collapsed_activate", R"(
    select outcome from public.registry_tenant_transition(
        $1::uuid, array['provisioning'], 'active', $2, 'tenant.publish', null, null, '{}'::jsonb))"};

constexpr query grant_rights{"collapsed_grant", "select public.registry_collapsed_grant()"};

// Fixed ids of collapsed mode (version 8 UUIDs: made up, not drawn).
uuid fixed(std::string_view text)
{
    return *uuid::parse(text);
}

}  // namespace

tenant_id collapsed_tenant()
{
    return tenant_id(fixed("1ea5e401-d000-8000-8000-000000000001"));
}

fleet_counts fleet::count(const std::string& checksum)
{
    return pool_.run_blocking([&](transaction& tx) {
        const auto row = tx.get_one(count_fleet, checksum);
        return fleet_counts{row.get<std::int64_t>("current"), row.get<std::int64_t>("pending")};
    });
}

std::vector<pending_target>
fleet::page(const std::string& checksum, std::optional<tenant_id> after, int limit)
{
    return pool_.run_blocking([&](transaction& tx) {
        std::vector<pending_target> found;
        for (const auto& row : tx.find_all(page_fleet, checksum, after, limit)) {
            pending_target one;
            one.tenant = row.get<tenant_id>("id");
            one.tid = row.get<std::string>("tid");
            one.slug = row.get<std::string>("slug");
            one.server = row.get<server_id>("server_id");
            one.server_name = row.get<std::string>("server_name");
            one.database = row.get<std::string>("database");
            one.schema = row.get<std::string>("schema");
            one.generation = row.get<std::int64_t>("generation");
            found.push_back(std::move(one));
        }
        return found;
    });
}

void fleet::record_tenant(tenant_id tenant, int version, int contract_version, const std::string& checksum)
{
    pool_.run_blocking([&](transaction& tx) {
        tx.change(upsert_state, std::string("tenant"), tenant, version, contract_version, checksum);
    });
}

void fleet::record_partition(
    const std::string& chain, int version, int contract_version, const std::string& checksum
)
{
    pool_.run_blocking([&](transaction& tx) {
        tx.change(upsert_state, chain, std::nullopt, version, contract_version, checksum);
    });
}

std::string fleet::installation()
{
    return pool_.run_blocking([&](transaction& tx) {
        return tx.get_one(installation_id).get<std::string>("id");
    });
}

std::optional<std::string> fleet::license_document()
{
    return pool_.run_blocking([&](transaction& tx) {
        return tx.get_one(license).find<std::string>("document");
    });
}

std::int64_t fleet::tenants()
{
    return pool_.run_blocking([&](transaction& tx) {
        return tx.get_one(count_tenants).get<std::int64_t>("n");
    });
}

void fleet::ensure_collapsed(const std::string& database, const own_server& own)
{
    const server_id server(fixed("1ea5e401-d000-8000-8000-000000000002"));
    const auto tenant = collapsed_tenant();
    const auto who = principal::system("migrate");
    pool_.run_blocking([&](transaction& tx) {
        tx.change(insert_server, server, database::to_array(own.addresses), own.sslmode, own.ca);
        const auto text = tid::of(tenant).text();
        if (tx.change(insert_tenant, tenant, text, who.name) == 0) return;
        tx.change(insert_placement, tenant, server, fmt::format("t_{}_1", text), database);
        tx.get_one(activate, tenant, who.name);
    });
}

void fleet::grant_collapsed()
{
    pool_.run_blocking([&](transaction& tx) { tx.get_one(grant_rights); });
}

}  // namespace leasehold::registry
