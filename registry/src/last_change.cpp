#include "last_change.hpp"

namespace leasehold::registry {

std::int64_t last_change(database::transaction& tx, const tenant_id& tenant)
{
    static constexpr database::query newest{"last_change", R"(
        select id from public.registry_change where tenant_id = $1::uuid order by id desc limit 1)"};
    const auto row = tx.find_one(newest, tenant);
    return row ? row->get<std::int64_t>("id") : 0;
}

}  // namespace leasehold::registry
