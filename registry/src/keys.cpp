#include "columns.hpp"

#include <leasehold/registry/keys.hpp>

#include <fmt/format.h>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

#define LEASEHOLD_KEY_COLUMNS                                                                                \
    "id, tenant_id, role, name, secret_hmac, postgres, created_by, " LEASEHOLD_UTC("created_at"              \
    ) " as created_at, " LEASEHOLD_UTC("expires_at") " as expires_at, " LEASEHOLD_UTC("last_used_at"         \
    ) " as last_used_at, " LEASEHOLD_UTC("revoked_at"                                                        \
    ) " as revoked_at, replaces from public.registry_api_key "

constexpr query find_key{"key_find", "select " LEASEHOLD_KEY_COLUMNS " where id = $1::uuid"};

constexpr query list_keys{"keys_list", "select " LEASEHOLD_KEY_COLUMNS R"(
     where tenant_id is not distinct from $1::uuid and ($2::uuid is null or id > $2::uuid) order by id limit $3::bigint)"};

constexpr query lock_keys_of{
    "keys_lock", "select pg_advisory_xact_lock(hashtextextended('keys ' || coalesce($1, ''), 0))"};

constexpr query count_live{"keys_count_live", R"(
    select count(*) as n from public.registry_api_key
     where tenant_id is not distinct from $1::uuid and revoked_at is null and (expires_at is null or expires_at > now()))"};

constexpr query insert_key{"key_insert", R"(
    insert into public.registry_api_key (id, tenant_id, role, name, secret_hmac, postgres, scram_verifier, replaces, created_by,
                                  expires_at)
    values ($1::uuid, $2::uuid, $3, $4, $5, $6::boolean, $7, $8::uuid, $9, $10::timestamptz))"};

constexpr query end_key{"key_end", R"(
    update public.registry_api_key set expires_at = least(coalesce(expires_at, 'infinity'), $2::timestamptz)
     where id = $1::uuid and revoked_at is null)"};

constexpr query revoke_key{"key_revoke", R"(
    update public.registry_api_key set revoked_at = now() where id = $1::uuid and revoked_at is null)"};

constexpr query lasting_owners{"keys_lasting_owners", R"(
    select count(*) as n from public.registry_api_key
     where tenant_id is null and role = 'owner' and revoked_at is null and id <> $1::uuid
       and (expires_at is null or expires_at > now() + interval '24 hours'))"};

constexpr query stamp_key{"keys_used", "select public.registry_keys_used(array[$1::uuid])"};

constexpr query rewrite_key{
    "key_rewrite",
    "update public.registry_api_key set secret_hmac = $3 where id = $1::uuid and secret_hmac = $2"};

constexpr query bootstrap_done{
    "bootstrap_done", "select 1 from public.registry_setting where key = 'bootstrap'"};
constexpr query mark_bootstrap{"bootstrap_mark", R"(
    insert into public.registry_setting (key, value) values ('bootstrap', jsonb_build_object('key', $1::text, 'at', now())))"};

std::optional<std::string> time_column(const std::optional<wall_time>& at)
{
    if (!at) return std::nullopt;
    return to_rfc3339(*at);
}

stored_key to_key(const database::row& row)
{
    stored_key found;
    found.secret_hmac = row.get<std::string>("secret_hmac");
    auto& facts = found.facts;
    facts.id = row.get<key_id>("id");
    facts.tenant = row.find<tenant_id>("tenant_id");
    facts.role = row.get<std::string>("role");
    facts.name = row.get<std::string>("name");
    facts.postgres = row.get<bool>("postgres");
    facts.created_by = row.get<std::string>("created_by");
    facts.created_at = read_time(row, "created_at");
    facts.expires_at = find_time(row, "expires_at");
    facts.last_used_at = find_time(row, "last_used_at");
    facts.revoked_at = find_time(row, "revoked_at");
    facts.replaces = row.find<key_id>("replaces");
    return found;
}

void insert(transaction& tx, const principal& who, const new_key& what)
{
    tx.change(
        insert_key,
        what.id,
        what.tenant,
        what.role,
        what.name,
        what.secret_hmac,
        what.scram_verifier.has_value(),
        what.scram_verifier,
        what.replaces,
        who.name,
        time_column(what.expires_at)
    );
}

stored_key get_of(transaction& tx, const key_id& id, const std::optional<tenant_id>& tenant)
{
    const auto row = tx.find_one(find_key, id);
    if (row) {
        auto found = to_key(*row);
        if (found.facts.tenant == tenant) return found;
    }
    throw error(error_kind::not_found, "key_not_found", "there is no such key");
}

}  // namespace

task<std::optional<stored_key>> keys::find(key_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::optional<stored_key> found;
        if (const auto row = tx.find_one(find_key, id)) found = to_key(*row);
        return found;
    });
}

task<std::vector<api_key>> keys::list(std::optional<tenant_id> tenant, std::optional<key_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<api_key> found;
        for (const auto& row : tx.find_all(list_keys, tenant, after, limit))
            found.push_back(to_key(row).facts);
        return found;
    });
}

task<void> keys::create(principal who, new_key what, int max_keys)
{
    co_await pool_.run([&](transaction& tx) {
        const std::string scope = what.tenant ? what.tenant->to_string() : "platform";
        tx.get_one(lock_keys_of, scope);
        if (tx.get_one(count_live, what.tenant).get<std::int64_t>("n") >= max_keys) {
            throw error(
                error_kind::conflict, "tenant_limit_reached", fmt::format("{} keys are the limit", max_keys)
            );
        }
        insert(tx, who, what);
        append_audit(
            tx,
            who,
            "key.create",
            what.tenant,
            what.id.to_string(),
            {{"role", what.role}, {"name", what.name}, {"postgres", what.scram_verifier.has_value()}}
        );
    });
}

task<void> keys::rotate(principal who, new_key what, key_id old, wall_time old_ends_at)
{
    co_await pool_.run([&](transaction& tx) {
        const auto before = get_of(tx, old, what.tenant);
        if (before.facts.revoked_at)
            throw error(error_kind::conflict, "key_revoked", "a revoked key is not rotated");
        insert(tx, who, what);
        tx.change(end_key, old, to_rfc3339(old_ends_at));
        append_audit(
            tx,
            who,
            "key.rotate",
            what.tenant,
            what.id.to_string(),
            {{"replaces", old.to_string()}, {"old_ends_at", to_rfc3339(old_ends_at)}}
        );
    });
}

task<void> keys::revoke(principal who, key_id id, std::optional<tenant_id> tenant)
{
    co_await pool_.run([&](transaction& tx) {
        tx.get_one(lock_keys_of, std::string("platform"));
        const auto found = get_of(tx, id, tenant);
        const bool is_owner = !tenant && found.facts.role == "owner" && !found.facts.revoked_at;
        if (is_owner && tx.get_one(lasting_owners, id).get<std::int64_t>("n") == 0) {
            throw error(error_kind::conflict, "last_owner", "this is the last owner key that lasts");
        }
        if (tx.change(revoke_key, id) == 0) return;
        append_audit(tx, who, "key.revoke", tenant, id.to_string(), {{"role", found.facts.role}});
    });
}

task<void> keys::stamp_used(key_id id)
{
    co_await pool_.run([&](transaction& tx) { tx.get_one(stamp_key, id); });
}

task<void> keys::rewrite(principal who, key_id id, std::string before, std::string now)
{
    co_await pool_.run([&](transaction& tx) {
        if (tx.change(rewrite_key, id, before, now) == 0) return;  // another request was first
        append_audit(tx, who, "key.rewrite", std::nullopt, id.to_string(), nlohmann::json::object());
    });
}

task<bool> keys::bootstrap_owner(principal who, new_key what, std::function<void()> before_commit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        tx.get_one(lock_keys_of, std::string("platform"));
        if (tx.find_one(bootstrap_done)) return false;
        insert(tx, who, what);
        tx.change(mark_bootstrap, what.id.to_string());
        append_audit(tx, who, "key.bootstrap", std::nullopt, what.id.to_string(), {{"role", what.role}});
        before_commit();
        return true;
    });
}

}  // namespace leasehold::registry
