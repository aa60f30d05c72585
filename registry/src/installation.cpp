#include "columns.hpp"

#include <leasehold/registry/installation.hpp>

#include <algorithm>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

constexpr query find_setting{"setting_find", "select value from public.registry_setting where key = $1"};

constexpr query upsert_setting{"setting_upsert", R"(
    insert into public.registry_setting (key, value) values ($1, $2::jsonb)
    on conflict (key) do update set value = excluded.value, updated_at = now())"};

constexpr query insert_fingerprints{"hmac_fingerprints_insert", R"(
    insert into public.registry_setting (key, value) values ('hmac_fingerprints', $1::jsonb) on conflict (key) do nothing)"};

constexpr query find_license{"license_find", "select document from public.registry_license"};

constexpr query update_license{"license_store", R"(
    update public.registry_license set document = $1, installed_by = $2, first_seen = now())"};

constexpr query list_routers{
    "routers_list",
    "select id, role, address, version, applied_change, " LEASEHOLD_UTC("seen_at"
    ) R"( as seen_at from public.registry_router where seen_at > now() - interval '60 seconds' order by started_at)"};

constexpr query list_behind{
    "routers_behind",
    R"(
    select id, 'router' as role, address, '' as version, applied_change, )" LEASEHOLD_UTC("seen_at"
    ) R"( as seen_at
      from public.registry_routers_behind($1::bigint))"};

constexpr query delete_old_changes{
    "changes_prune", "delete from public.registry_change where at < now() - interval '1 day'"};

constexpr query list_schema_states{"schema_states", R"(
    select chain, version, checksum from public.registry_schema_state where tenant_id is null)"};

constexpr query verify_chain{"audit_verify", "select public.registry_verify_audit() as broken"};

live_router to_router(const database::row& row)
{
    live_router found;
    found.id = row.get<router_id>("id");
    found.role = row.get<std::string>("role");
    found.address = row.get<std::string>("address");
    found.version = row.get<std::string>("version");
    found.applied_change = row.get<std::int64_t>("applied_change");
    found.seen_at = read_time(row, "seen_at");
    return found;
}

}  // namespace

task<installation_id> installation::id()
{
    const auto value = co_await setting("installation");
    const auto parsed = value ? installation_id::parse(value->get<std::string>()) : std::nullopt;
    if (!parsed)
        throw error(error_kind::internal, "installation_missing", "the registry has no installation id");
    co_return *parsed;
}

task<std::optional<nlohmann::json>> installation::setting(std::string key)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::optional<nlohmann::json> found;
        if (const auto row = tx.find_one(find_setting, key)) found = read_json(*row, "value");
        return found;
    });
}

task<void> installation::set_setting(principal who, std::string key, nlohmann::json value)
{
    co_await pool_.run([&](transaction& tx) {
        tx.change(upsert_setting, key, value.dump());
        append_audit(tx, who, "setting.change", std::nullopt, key, {{"value", value}});
    });
}

task<void> installation::check_hmac_fingerprints(principal who, std::vector<std::string> fingerprints)
{
    co_await pool_.run([&](transaction& tx) {
        const nlohmann::json ours = fingerprints;
        if (tx.change(insert_fingerprints, ours.dump()) == 1) {
            append_audit(tx, who, "setting.change", std::nullopt, "hmac_fingerprints", {{"value", ours}});
            return;
        }
        const auto known = read_json(tx.get_one(find_setting, std::string("hmac_fingerprints")), "value");
        const bool shared = std::any_of(ours.begin(), ours.end(), [&](const auto& one) {
            return std::find(known.begin(), known.end(), one) != known.end();
        });
        if (!shared) {
            throw error(
                error_kind::conflict,
                "hmac_key_mismatch",
                "security.hmac_key_file is not the key this installation was started with"
            );
        }
        if (ours != known) {
            tx.change(upsert_setting, std::string("hmac_fingerprints"), ours.dump());
            append_audit(tx, who, "setting.change", std::nullopt, "hmac_fingerprints", {{"value", ours}});
        }
    });
}

task<std::optional<std::string>> installation::license_document()
{
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(find_license).find<std::string>("document");
    });
}

task<void> installation::store_license(principal who, std::string document, nlohmann::json claims)
{
    co_await pool_.run([&](transaction& tx) {
        tx.change(update_license, document, who.name);
        append_audit(tx, who, "license.install", std::nullopt, claims.value("jti", ""), claims);
    });
}

task<std::vector<live_router>> installation::routers()
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<live_router> found;
        for (const auto& row : tx.find_all(list_routers)) found.push_back(to_router(row));
        return found;
    });
}

task<std::vector<live_router>> installation::routers_behind(std::int64_t change)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<live_router> found;
        for (const auto& row : tx.find_all(list_behind, change)) found.push_back(to_router(row));
        return found;
    });
}

task<void> installation::prune_changes()
{
    co_await pool_.run([](transaction& tx) { tx.change(delete_old_changes); });
}

task<std::vector<installation::schema_state>> installation::schema_states()
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<schema_state> found;
        for (const auto& row : tx.find_all(list_schema_states)) {
            found.push_back(
                {row.get<std::string>("chain"),
                 row.get<std::int64_t>("version"),
                 row.get<std::string>("checksum")}
            );
        }
        return found;
    });
}

task<std::optional<std::int64_t>> installation::verify_audit()
{
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(verify_chain).find<std::int64_t>("broken");
    });
}

}  // namespace leasehold::registry
