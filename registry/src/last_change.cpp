#include "last_change.hpp"

namespace leasehold::registry {

std::int64_t last_change(database::transaction& tx)
{
    static constexpr database::query newest{
        "last_change", "select coalesce(public.registry_last_change(), 0) as change"};
    return tx.get_one(newest).get<std::int64_t>("change");
}

}  // namespace leasehold::registry
