#pragma once

#include "operations/facilities.hpp"

namespace leasehold::control_plane::operations {

// Each of these revokes the leases that it took, however the look ends.

// Proves a placement with real leases of each class, on the server and not by what was granted: login, place
// and marker; rw writes and reads; ro cannot write; nothing is left after SET ROLE NONE; another database of
// the server refuses the lease; a revocation ends an open session. Each refusal stands beside its positive
// control. Error: internal placement_unproven, whose detail names what did not hold.
task<nlohmann::json>
verify_placement(facilities& with, const facilities::place& at, vault_client::write_index index);

// One fresh rw lease must be refused at login while a migrate lease works: the gate is closed. Else: internal
// gate_open.
task<void> verify_gate_closed(facilities& with, const facilities::place& at);
// A fresh rw lease reads.
task<void> verify_gate_open(facilities& with, const facilities::place& at);

}  // namespace leasehold::control_plane::operations
