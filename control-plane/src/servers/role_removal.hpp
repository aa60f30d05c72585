#pragma once

#include "servers/catalog.hpp"

#include <leasehold/registry/tenants.hpp>

namespace leasehold::control_plane::servers {

// Lease logins of a tenant that are left, and the placement's own roles. `open_database` gives a session
// inside a database in which a role still owns or holds something (foreign grants), so that it can be taken
// away there.
void drop_lease_logins(session& maintenance, const std::string& tid, const open_inside& open_database);
void drop_placement_roles(
    session& maintenance, const registry::placement& where, const open_inside& open_database
);
std::vector<std::string> roles_left(session& maintenance, const std::string& tid);

// A login is closed, cut and dropped, whatever holds it. The broker may drop it in between, which is as good.
void remove_login(session& maintenance, const std::string& role, const open_inside& open_database);

}  // namespace leasehold::control_plane::servers
