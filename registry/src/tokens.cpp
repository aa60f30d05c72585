#include "columns.hpp"

#include <leasehold/registry/tokens.hpp>

#include <fmt/format.h>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

#define LEASEHOLD_TOKEN_COLUMNS                                                                              \
    "id, tenant_id, label, " LEASEHOLD_UTC("expires_at"                                                      \
    ) " as expires_at, max_uses, uses, approval, cidr, tags, "                                               \
      "created_by, " LEASEHOLD_UTC("created_at") " as created_at, " LEASEHOLD_UTC("last_used_at"             \
      ) " as last_used_at, " LEASEHOLD_UTC("revoked_at"                                                      \
      ) " as revoked_at from public.registry_enrollment_token "

constexpr query lock_tokens_of{
    "tokens_lock", "select pg_advisory_xact_lock(hashtextextended('tokens ' || $1, 0))"};

constexpr query count_live{"tokens_count_live", R"(
    select count(*) as n from public.registry_enrollment_token
     where tenant_id = $1::uuid and revoked_at is null and expires_at > now() and uses < max_uses)"};

constexpr query insert_token{"token_insert", R"(
    insert into public.registry_enrollment_token (id, tenant_id, label, secret_hmac, expires_at, max_uses, approval, cidr, tags,
                                           created_by)
    values ($1::uuid, $2::uuid, $3, $4, $5::timestamptz, $6::bigint, $7, $8::cidr, $9::jsonb, $10))"};

constexpr query list_tokens{"tokens_list", "select " LEASEHOLD_TOKEN_COLUMNS R"(
     where tenant_id = $1::uuid and ($2::uuid is null or id > $2::uuid) order by id limit $3::bigint)"};

constexpr query find_token{
    "token_find", "select " LEASEHOLD_TOKEN_COLUMNS " where tenant_id = $1::uuid and id = $2::uuid"};

constexpr query revoke_token{"token_revoke", R"(
    update public.registry_enrollment_token set revoked_at = now()
     where tenant_id = $1::uuid and id = $2::uuid and revoked_at is null)"};

constexpr query count_joined{"token_hosts_count", R"(
    select count(*) as n from public.registry_host where token_id = $1::uuid and tenant_id = $2::uuid)"};

constexpr query revoke_joined{"token_hosts_revoke", R"(
    update public.registry_host set state = 'revoked'
     where token_id = $1::uuid and tenant_id = $2::uuid and state <> 'revoked')"};

enrollment_token to_token(const database::row& row)
{
    enrollment_token found;
    found.id = row.get<token_id>("id");
    found.tenant = row.get<tenant_id>("tenant_id");
    found.label = row.get<std::string>("label");
    found.expires_at = read_time(row, "expires_at");
    found.max_uses = row.get<std::int64_t>("max_uses");
    found.uses = row.get<std::int64_t>("uses");
    found.approval = row.get<std::string>("approval");
    found.cidr = row.find<std::string>("cidr");
    found.tags = read_json(row, "tags");
    found.created_by = row.get<std::string>("created_by");
    found.created_at = read_time(row, "created_at");
    found.last_used_at = find_time(row, "last_used_at");
    found.revoked_at = find_time(row, "revoked_at");
    return found;
}

}  // namespace

task<void> tokens::create(principal who, enrollment_token what, std::string secret_hmac, int max_tokens)
{
    co_await pool_.run([&](transaction& tx) {
        tx.get_one(lock_tokens_of, what.tenant.to_string());
        if (tx.get_one(count_live, what.tenant).get<std::int64_t>("n") >= max_tokens) {
            throw error(
                error_kind::conflict,
                "tenant_limit_reached",
                fmt::format("{} usable tokens are the limit", max_tokens)
            );
        }
        tx.change(
            insert_token,
            what.id,
            what.tenant,
            what.label,
            secret_hmac,
            to_rfc3339(what.expires_at),
            what.max_uses,
            what.approval,
            what.cidr,
            what.tags.dump(),
            who.name
        );
        append_audit(
            tx,
            who,
            "token.create",
            what.tenant,
            what.id.to_string(),
            {{"label", what.label},
             {"max_uses", what.max_uses},
             {"approval", what.approval},
             {"expires_at", to_rfc3339(what.expires_at)}}
        );
    });
}

task<std::vector<enrollment_token>> tokens::list(tenant_id tenant, std::optional<token_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<enrollment_token> found;
        for (const auto& row : tx.find_all(list_tokens, tenant, after, limit)) found.push_back(to_token(row));
        return found;
    });
}

task<enrollment_token> tokens::get(tenant_id tenant, token_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_token, tenant, id);
        if (!row) throw error(error_kind::not_found, "token_not_found", "there is no such token");
        return to_token(*row);
    });
}

task<std::int64_t> tokens::revoke(principal who, tenant_id tenant, token_id id, bool with_hosts)
{
    co_return co_await pool_.run([&](transaction& tx) {
        if (!tx.find_one(find_token, tenant, id)) {
            throw error(error_kind::not_found, "token_not_found", "there is no such token");
        }
        tx.change(revoke_token, tenant, id);
        const auto joined = tx.get_one(count_joined, id, tenant).get<std::int64_t>("n");
        const auto revoked = with_hosts ? tx.change(revoke_joined, id, tenant) : 0;
        append_audit(
            tx,
            who,
            "token.revoke",
            tenant,
            id.to_string(),
            {{"hosts_joined", joined}, {"hosts_revoked", revoked}}
        );
        return joined;
    });
}

}  // namespace leasehold::registry
