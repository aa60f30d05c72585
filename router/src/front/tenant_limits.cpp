#include "front/tenant_limits.hpp"

#include <algorithm>

namespace leasehold::router {

relay::pool_limits limits_of(const tenant_record& tenant, const config& values)
{
    const auto& own = values.router;
    relay::pool_limits limits;
    const auto allowed = tenant.max_connections.value_or(values.limits.tenant.max_connections);
    const auto most = std::clamp<std::int64_t>(allowed, 1, own.pool.max_per_tenant);
    limits.max_servers = static_cast<std::uint32_t>(most);
    limits.checkout = own.pool.checkout_timeout;
    limits.server_idle = own.pool.idle_timeout;
    limits.idle_client = own.clients.idle_timeout;
    return limits;
}

}  // namespace leasehold::router
