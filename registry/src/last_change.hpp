#pragma once

#include <leasehold/database/session.hpp>

#include <cstdint>

namespace leasehold::registry {

// The newest row of the change feed that this session has written, 0 if none: what routers must reach.
std::int64_t last_change(database::transaction& tx);

}  // namespace leasehold::registry
