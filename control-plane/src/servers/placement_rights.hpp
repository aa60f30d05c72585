#pragma once

#include "servers/catalog.hpp"

#include <leasehold/registry/tenants.hpp>

namespace leasehold::control_plane::servers {

// Recipe C, inside the placement's database: one transaction; then the look.
void grant_rights(session& inside, const registry::placement& where, bool advisory_locks);

// The gate of suspension: CONNECT of the tenant's login chains. Returns only when the catalog says so.
void close_gate(session& maintenance, const registry::placement& where);
void open_gate(session& maintenance, const registry::placement& where);

}  // namespace leasehold::control_plane::servers
