#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/database/session.hpp>

namespace leasehold::router {

// The registry as the router's login reaches it. Errors: those of the password file.
database::endpoint registry_endpoint(const registry_config& from);

}  // namespace leasehold::router
