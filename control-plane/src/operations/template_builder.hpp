#pragma once

#include "operations/facilities.hpp"

namespace leasehold::control_plane::operations {

// Makes the server's template database of a chain if it is missing: one builder per server and chain checksum
// at a time; what a killed builder left is dropped and made again. Returns its name. Errors: must_wait
// (template) while another builds it.
task<std::string> ensure_template(facilities& with, registry::server at, const migrations::chain& chain);

}  // namespace leasehold::control_plane::operations
