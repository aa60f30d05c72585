#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/database/session.hpp>

#include <cstdint>

namespace leasehold::registry {

// The newest row of the change feed about this tenant, whoever wrote it, 0 if none: what routers must reach.
// A step that is repeated after a kill changes nothing and still waits for what it changed the first time.
std::int64_t last_change(database::transaction& tx, const tenant_id& tenant);

}  // namespace leasehold::registry
