#pragma once

#include "servers/names.hpp"

#include <leasehold/database/session.hpp>

#include <string>

// What a lease can do, tried on the server with the lease itself. Blocking. Each probe_* returns an empty
// text when all held, else what did not. Writes are rolled back.
namespace leasehold::control_plane::servers {

// Database, role and marker are the placement's.
std::string
probe_place(database::session& lease, const registry::placement& where, const std::string& marker);
// probe_place; writes and reads back; after SET ROLE NONE it can neither; `elsewhere` (the same login,
// another database) refuses.
std::string probe_writer(
    database::session& lease,
    const registry::placement& where,
    const std::string& marker,
    const database::endpoint& elsewhere
);
// probe_place; reads; a write is 42501 or read-only.
std::string
probe_reader(database::session& lease, const registry::placement& where, const std::string& marker);
// probe_place; creates in its schema; the version rows give `chain_checksum`.
std::string probe_owner(
    database::session& lease,
    const registry::placement& where,
    const std::string& marker,
    const std::string& chain_checksum
);

// The connection is gone, or goes at the next statement.
bool is_ended(database::session& lease);
// The server refuses the login for want of CONNECT (42501) or as such (28xxx).
bool is_refused(const database::endpoint& where);

}  // namespace leasehold::control_plane::servers
