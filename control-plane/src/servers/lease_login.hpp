#pragma once

#include "servers/names.hpp"

namespace leasehold::control_plane::servers {

// What a broker role runs on the server to make a lease's login (recipe E), and to end it (recipe F).
std::vector<std::string>
creation_statements(role_class what, const registry::placement& where, int server_version);
std::vector<std::string> probe_creation_statements(int server_version);  // of a preflight's probe
std::vector<std::string> revocation_statements();

}  // namespace leasehold::control_plane::servers
