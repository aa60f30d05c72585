#pragma once

#include "servers/catalog.hpp"

namespace leasehold::control_plane::servers {

// A preflight's proof: a copy of leasehold_base and a login chain of its own that come and go. One at a time
// per server; a probe that was killed is dropped by the next.
inline constexpr std::string_view probe_database = "leasehold_probe";
inline constexpr std::string_view probe_login = "leasehold_probe_login";
void create_probe(session& maintenance);  // timeout database_timeout while another session probes
void drop_probe(session& maintenance);

}  // namespace leasehold::control_plane::servers
