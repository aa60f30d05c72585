#include "tenant_room.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/http/problem.hpp>

namespace leasehold::router::agents {

std::shared_ptr<const void> tenant_room::enter(const tenant_id& tenant, std::size_t bytes)
{
    auto& own = (*filled_)[tenant];
    // One request always fits, whatever its size: the route has its own limit.
    if (own.requests >= most_requests || (own.requests > 0 && own.bytes + bytes > most_bytes)) {
        throw http::retry_later(
            error_kind::unavailable,
            "gateway_busy",
            "the tenant's agents have too much under way here",
            std::chrono::seconds(1)
        );
    }
    ++own.requests;
    own.bytes += bytes;
    const auto leave = [all = filled_, tenant, bytes](const void*) {
        const auto at = all->find(tenant);
        at->second.bytes -= bytes;
        if (--at->second.requests == 0) all->erase(at);
    };
    return {static_cast<const void*>(filled_.get()), leave};
}

}  // namespace leasehold::router::agents
