#pragma once

#include "relay/pool_key.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/router/directory.hpp>

namespace leasehold::router {

// What the tenant's row and the configuration allow each of its pools.
relay::pool_limits limits_of(const tenant_record& tenant, const config& values);

}  // namespace leasehold::router
