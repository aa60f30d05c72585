#pragma once

#include "operations/facilities.hpp"

namespace leasehold::control_plane::operations {

// The two halves of taking a placement away; used by deletion and by a create that is cancelled. Each ends by
// looking. Leases of every class revoked and listed as none, broker roles gone, sessions cut, lease logins
// dropped.
task<nlohmann::json> remove_leases(facilities& with, facilities::place at);
// Database dropped (its marker must match), then its roles, with what foreign grants they hold elsewhere.
task<nlohmann::json> remove_placement(facilities& with, facilities::place at);

// revoke-prefix of one broker role, done and not queued; the listing must then be empty.
task<void> revoke_all_leases(facilities& with, vault_client::broker_role role);

}  // namespace leasehold::control_plane::operations
