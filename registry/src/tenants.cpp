#include "columns.hpp"
#include "last_change.hpp"

#include <leasehold/registry/tenants.hpp>

#include <fmt/format.h>

#include <array>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

constexpr std::array<std::string_view, 3> tier_names{"database", "schema", "server"};

// Under names that no column of a tenant has.
#define LEASEHOLD_PLACEMENT_COLUMNS                                                                          \
    "p.tenant_id, p.generation as placement_generation, p.server_id, p.tier, p.name as placement_name, "     \
    "p.database, p.schema, p.state as placement_state"

#define LEASEHOLD_TENANT_COLUMNS                                                                             \
    "t.id, t.tid, t.slug, t.name, t.state, t.edition, t.limits, t.settings, t.generation, "                  \
    "t.created_by, " LEASEHOLD_UTC("t.created_at"                                                            \
    ) " as created_at, " LEASEHOLD_PLACEMENT_COLUMNS " from public.registry_tenant t left join lateral ("    \
      "  select * from public.registry_placement p where p.tenant_id = t.id and p.state <> 'retired' "       \
      "  order by (p.state = 'current') desc, p.generation desc limit 1) p on true "

constexpr query list_tenants{"tenants_list", "select " LEASEHOLD_TENANT_COLUMNS R"(
     where t.state <> 'deleted'
       and ($1::text is null or t.state = $1) and ($2::text is null or t.slug = $2)
       and ($3::text is null or t.tid = $3) and ($4::uuid is null or p.server_id = $4::uuid)
       and ($5::uuid is null or t.id > $5::uuid)
     order by t.id limit $6::bigint)"};

constexpr query find_tenant{"tenant_find", "select " LEASEHOLD_TENANT_COLUMNS " where t.id = $1::uuid"};

constexpr query lock_license{"license_lock", "select public.registry_license_lock()"};

constexpr query count_tenants{
    "tenants_count", "select count(*) as n from public.registry_tenant where state <> 'deleted'"};

constexpr query insert_tenant{"tenant_insert", R"(
    insert into public.registry_tenant (id, tid, slug, name, edition, limits, settings, created_by)
    values ($1::uuid, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8))"};

constexpr query insert_operation{"tenant_operation_insert", R"(
    insert into public.registry_operation (id, kind, tenant_id, parameters, created_by)
    values ($1::uuid, 'provision', $2::uuid, $3::jsonb, $4))"};

constexpr query move_state{"tenant_transition", R"(
    select outcome, state, generation from public.registry_tenant_transition(
        $1::uuid, $2::text[], $3, $4, $5, $6, $7::inet, $8::jsonb))"};

constexpr query lock_tenant{"tenant_lock", R"(
    select tid from public.registry_tenant where id = $1::uuid for update)"};

constexpr query newest_target{"placement_newest_target", "select " LEASEHOLD_PLACEMENT_COLUMNS R"(
      from public.registry_placement p where tenant_id = $1::uuid and state = 'target' order by generation desc limit 1)"};

constexpr query next_generation{"placement_next_generation", R"(
    select coalesce(max(generation), 0) + 1 as generation from public.registry_placement where tenant_id = $1::uuid)"};

constexpr query insert_placement{"placement_insert", R"(
    insert into public.registry_placement as p (tenant_id, generation, server_id, tier, name, database, schema)
    values ($1::uuid, $2::bigint, $3::uuid, $4, $5, $6, $7) returning )" LEASEHOLD_PLACEMENT_COLUMNS};

constexpr query list_placements{"placements_list", "select " LEASEHOLD_PLACEMENT_COLUMNS R"(
      from public.registry_placement p where tenant_id = $1::uuid order by generation)"};

constexpr query make_current{"placement_make_current", R"(
    update public.registry_placement set state = 'current'
     where tenant_id = $1::uuid and generation = $2::bigint and state in ('target', 'current'))"};

constexpr query delete_placement{"placement_delete", R"(
    delete from public.registry_placement where tenant_id = $1::uuid and generation = $2::bigint)"};

constexpr query upsert_schema_state{"tenant_schema_state_upsert", R"(
    insert into public.registry_schema_state (chain, tenant_id, version, contract_version, checksum, verified_at)
    values ('tenant', $1::uuid, $2::bigint, $3::bigint, $4, now())
    on conflict on constraint registry_schema_state_key do update
       set version = excluded.version, contract_version = excluded.contract_version, checksum = excluded.checksum,
           updated_at = now(), verified_at = now())"};

constexpr query delete_schema_state{"tenant_schema_state_delete", R"(
    delete from public.registry_schema_state where tenant_id = $1::uuid)"};

constexpr query delete_domains{
    "tenant_domains_delete", "delete from public.registry_domain where tenant_id = $1::uuid"};
constexpr query delete_hosts{
    "tenant_hosts_delete", "delete from public.registry_host where tenant_id = $1::uuid"};
constexpr query delete_tokens{
    "tenant_tokens_delete", "delete from public.registry_enrollment_token where tenant_id = $1::uuid"};
constexpr query delete_keys{
    "tenant_keys_delete", "delete from public.registry_api_key where tenant_id = $1::uuid"};

placement to_placement(const database::row& row)
{
    placement where;
    where.tenant = row.get<tenant_id>("tenant_id");
    where.generation = row.get<std::int64_t>("placement_generation");
    where.server = row.get<server_id>("server_id");
    where.tier = parse_tier(row.get<std::string>("tier")).value_or(tier::database);
    where.name = row.get<std::string>("placement_name");
    where.database = row.get<std::string>("database");
    where.schema = row.get<std::string>("schema");
    where.state = row.get<std::string>("placement_state");
    return where;
}

tenant to_tenant(const database::row& row)
{
    tenant found;
    found.id = row.get<tenant_id>("id");
    found.tid = row.get<std::string>("tid");
    found.slug = row.get<std::string>("slug");
    found.name = row.get<std::string>("name");
    found.state = row.get<std::string>("state");
    found.edition = row.get<std::string>("edition");
    found.limits = read_json(row, "limits");
    found.settings = read_json(row, "settings");
    found.generation = row.get<std::int64_t>("generation");
    found.created_by = row.get<std::string>("created_by");
    found.created_at = read_time(row, "created_at");
    if (row.text("placement_generation")) found.where = to_placement(row);
    return found;
}

tenants::moved move_tenant(
    transaction& tx,
    const principal& who,
    const tenant_id& id,
    const std::vector<std::string>& from,
    const std::string& to,
    const std::string& action,
    const nlohmann::json& detail
)
{
    const auto answer = tx.get_one(
        move_state,
        id,
        database::to_array(from),
        to,
        who.name,
        action,
        text_or_null(who.request_id),
        text_or_null(who.source_ip),
        detail.dump()
    );
    const auto outcome = answer.get<std::string>("outcome");
    if (outcome == "tenant_not_found")
        throw error(error_kind::not_found, "tenant_not_found", "there is no such tenant");
    if (outcome == "tenant_state_conflict") {
        throw error(
            error_kind::conflict,
            "tenant_state",
            fmt::format("the tenant is {}, which does not allow this", answer.get<std::string>("state"))
        );
    }
    tenants::moved done;
    done.generation = answer.get<std::int64_t>("generation");
    done.change = last_change(tx, id);
    return done;
}

}  // namespace

std::string_view to_text(tier value) noexcept
{
    return tier_names[static_cast<std::size_t>(value)];
}

std::optional<tier> parse_tier(std::string_view text) noexcept
{
    for (std::size_t i = 0; i < tier_names.size(); ++i) {
        if (tier_names[i] == text) return static_cast<tier>(i);
    }
    return std::nullopt;
}

task<std::vector<tenant>> tenants::list(tenant_filter filter, std::optional<tenant_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<tenant> found;
        for (const auto& row :
             tx.find_all(list_tenants, filter.state, filter.slug, filter.tid, filter.server, after, limit)) {
            found.push_back(to_tenant(row));
        }
        return found;
    });
}

task<tenant> tenants::get(tenant_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_tenant, id);
        if (!row) throw error(error_kind::not_found, "tenant_not_found", "there is no such tenant");
        return to_tenant(*row);
    });
}

task<std::optional<tenant>> tenants::find_by_slug(std::string slug)
{
    tenant_filter filter;
    filter.slug = std::move(slug);
    auto found = co_await list(std::move(filter), std::nullopt, 1);
    std::optional<tenant> first;
    if (!found.empty()) first = std::move(found.front());
    co_return first;
}

task<operation_id> tenants::create(
    principal who,
    new_tenant what,
    nlohmann::json operation_parameters,
    std::optional<std::int64_t> max_tenants
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        tx.get_one(lock_license);
        if (max_tenants && tx.get_one(count_tenants).get<std::int64_t>("n") >= *max_tenants) {
            throw error(
                error_kind::unlicensed,
                "license_tenant_limit",
                fmt::format("the license covers {} tenants", *max_tenants)
            );
        }
        try {
            tx.change(
                insert_tenant,
                what.id,
                tid::of(what.id).text(),
                what.slug,
                what.name,
                what.edition,
                what.limits.dump(),
                what.settings.dump(),
                who.name
            );
        } catch (const database::sql_error& failed) {
            if (failed.sqlstate() != "23505") throw;
            throw error(error_kind::conflict, "slug_taken", fmt::format("the slug '{}' is taken", what.slug));
        }
        const auto operation = operation_id::time_ordered();
        tx.change(insert_operation, operation, what.id, operation_parameters.dump(), who.name);
        append_audit(
            tx,
            who,
            "tenant.create",
            what.id,
            what.slug,
            {{"operation", operation.to_string()},
             {"edition", what.edition},
             {"parameters", operation_parameters}}
        );
        return operation;
    });
}

task<tenants::moved> tenants::transition(
    principal who,
    tenant_id id,
    std::vector<std::string> from,
    std::string to,
    std::string action,
    nlohmann::json detail
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        return move_tenant(tx, who, id, from, to, action, detail);
    });
}

task<placement> tenants::reserve(principal who, tenant_id id, server_id server, enum tier tier)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto locked = tx.find_one(lock_tenant, id);
        if (!locked) throw error(error_kind::not_found, "tenant_not_found", "there is no such tenant");
        if (const auto there = tx.find_one(newest_target, id)) return to_placement(*there);

        const auto generation = tx.get_one(next_generation, id).get<std::int64_t>("generation");
        const auto name = fmt::format("t_{}_{}", locked->get<std::string>("tid"), generation);
        const auto made = to_placement(tx.get_one(
            insert_placement, id, generation, server, to_text(tier), name, name, std::string("public")
        ));
        append_audit(
            tx, who, "placement.reserve", id, name, {{"server", server.to_string()}, {"tier", to_text(tier)}}
        );
        return made;
    });
}

task<std::vector<placement>> tenants::placements(tenant_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<placement> found;
        for (const auto& row : tx.find_all(list_placements, id)) found.push_back(to_placement(row));
        return found;
    });
}

task<tenants::moved> tenants::publish(principal who, tenant_id id, std::int64_t placement_generation)
{
    co_return co_await pool_.run([&](transaction& tx) {
        if (tx.change(make_current, id, placement_generation) != 1) {
            throw error(error_kind::conflict, "placement_stale", "this placement is not a target any more");
        }
        const nlohmann::json detail{{"placement_generation", placement_generation}};
        const std::vector<std::string> from{"provisioning", "failed"};
        return move_tenant(tx, who, id, from, "active", "tenant.publish", detail);
    });
}

task<void> tenants::forget_placement(principal who, tenant_id id, std::int64_t placement_generation)
{
    co_await pool_.run([&](transaction& tx) {
        tx.change(delete_schema_state, id);
        if (tx.change(delete_placement, id, placement_generation) == 0) return;
        append_audit(
            tx, who, "placement.forget", id, std::to_string(placement_generation), nlohmann::json::object()
        );
    });
}

task<nlohmann::json> tenants::remove_routes(principal who, tenant_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        nlohmann::json removed;
        removed["domains"] = tx.change(delete_domains, id);
        removed["hosts"] = tx.change(delete_hosts, id);
        removed["enrollment_tokens"] = tx.change(delete_tokens, id);
        removed["keys"] = tx.change(delete_keys, id);
        const auto change = last_change(tx, id);
        append_audit(tx, who, "tenant.routes_removed", id, "", removed);
        removed["change"] = change;
        return removed;
    });
}

task<void> tenants::record_schema(tenant_id id, int version, int contract_version, std::string checksum)
{
    co_await pool_.run([&](transaction& tx) {
        tx.change(upsert_schema_state, id, version, contract_version, checksum);
    });
}

task<std::int64_t> tenants::count()
{
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(count_tenants).get<std::int64_t>("n");
    });
}

}  // namespace leasehold::registry
