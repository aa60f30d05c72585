#include "columns.hpp"
#include "last_change.hpp"

#include <leasehold/registry/tokens.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace leasehold::registry {
namespace {

using database::query;
using database::transaction;

#define LEASEHOLD_HOST_COLUMNS                                                                               \
    "id, tenant_id, name, state, generation, " LEASEHOLD_UTC("enrolled_at"                                   \
    ) " as enrolled_at, " LEASEHOLD_UTC("last_seen_at") " as last_seen_at from public.registry_host "

constexpr query list_hosts{"hosts_list", "select " LEASEHOLD_HOST_COLUMNS R"(
     where tenant_id = $1::uuid and ($2::uuid is null or id > $2::uuid) order by id limit $3::bigint)"};

constexpr query host_ids{"hosts_ids", R"(
    select id from public.registry_host where tenant_id = $1::uuid and state not in ('enrolling', 'revoked') order by id)"};

constexpr query count_foreign{"hosts_count_foreign", R"(
    select count(*) as n from public.registry_host where tenant_id <> $1::uuid and id = any($2::uuid[]))"};

constexpr query find_host{
    "host_find", "select " LEASEHOLD_HOST_COLUMNS " where tenant_id = $1::uuid and id = $2::uuid"};

constexpr query lock_host{"host_lock", R"(
    select state from public.registry_host where tenant_id = $1::uuid and id = $2::uuid for update)"};

constexpr query set_host_state{
    "host_set_state", "update public.registry_host set state = $2 where id = $1::uuid"};

host to_host(const database::row& row)
{
    host found;
    found.id = row.get<host_id>("id");
    found.tenant = row.get<tenant_id>("tenant_id");
    found.name = row.get<std::string>("name");
    found.state = row.get<std::string>("state");
    found.generation = row.get<std::int64_t>("generation");
    found.enrolled_at = find_time(row, "enrolled_at");
    found.last_seen_at = find_time(row, "last_seen_at");
    return found;
}

}  // namespace

task<std::vector<host>> hosts::list(tenant_id tenant, std::optional<host_id> after, int limit)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<host> found;
        for (const auto& row : tx.find_all(list_hosts, tenant, after, limit)) found.push_back(to_host(row));
        return found;
    });
}

task<std::vector<host_id>> hosts::ids(tenant_id tenant)
{
    co_return co_await pool_.run([&](transaction& tx) {
        std::vector<host_id> found;
        for (const auto& row : tx.find_all(host_ids, tenant)) found.push_back(row.get<host_id>("id"));
        return found;
    });
}

task<std::int64_t> hosts::count_of_others(tenant_id tenant, std::vector<host_id> ids)
{
    std::vector<std::string> texts;
    for (const auto& id : ids) texts.push_back(id.to_string());
    co_return co_await pool_.run([&](transaction& tx) {
        return tx.get_one(count_foreign, tenant, database::to_array(texts)).get<std::int64_t>("n");
    });
}

task<host> hosts::get(tenant_id tenant, host_id id)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(find_host, tenant, id);
        if (!row) throw error(error_kind::not_found, "host_not_found", "there is no such host");
        return to_host(*row);
    });
}

task<std::int64_t> hosts::set_state(
    principal who,
    tenant_id tenant,
    host_id id,
    std::vector<std::string> from,
    std::string to,
    std::string action
)
{
    co_return co_await pool_.run([&](transaction& tx) {
        const auto row = tx.find_one(lock_host, tenant, id);
        if (!row) throw error(error_kind::not_found, "host_not_found", "there is no such host");
        const auto state = row->get<std::string>("state");
        if (state == to) return std::int64_t{0};
        if (std::find(from.begin(), from.end(), state) == from.end()) {
            throw error(
                error_kind::conflict,
                "host_state",
                fmt::format("the host is {}, which does not allow this", state)
            );
        }
        tx.change(set_host_state, id, to);
        const auto change = last_change(tx, tenant);
        append_audit(tx, who, action, tenant, id.to_string(), {{"from", state}, {"to", to}});
        return change;
    });
}

}  // namespace leasehold::registry
