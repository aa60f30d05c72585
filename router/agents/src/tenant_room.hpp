#pragma once

#include <leasehold/base/ids.hpp>

#include <cstddef>
#include <map>
#include <memory>

namespace leasehold::router::agents {

// What of this router one tenant's agents may fill at a time: requests under way, and bytes of their bodies.
// Thread: the gateway's lane.
class tenant_room
{
public:
    static constexpr std::size_t most_requests = 64;
    static constexpr std::size_t most_bytes = std::size_t{8} << 20U;

    // A place for one request, for as long as what is returned lives. Throws retry_later "gateway_busy".
    std::shared_ptr<const void> enter(const tenant_id& tenant, std::size_t bytes);

private:
    struct filled
    {
        std::size_t requests = 0;
        std::size_t bytes = 0;
    };
    using table = std::map<tenant_id, filled>;

    std::shared_ptr<table> filled_ = std::make_shared<table>();  // places may outlive the gateway
};

}  // namespace leasehold::router::agents
