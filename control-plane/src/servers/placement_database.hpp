#pragma once

#include "servers/catalog.hpp"

#include <leasehold/registry/tenants.hpp>

namespace leasehold::control_plane::servers {

// Recipe B: the database and the roles of a placement. Errors: conflict name_taken, internal
// placement_mismatch.
void create_placement(
    session& maintenance,
    const registry::placement& where,
    const std::string& marker,
    const std::string& template_database,
    int connection_limit
);

// Deletion. The marker must match, else placement_mismatch; absent is fine.
void drop_placement_database(
    session& maintenance, const registry::placement& where, const std::string& marker
);

}  // namespace leasehold::control_plane::servers
