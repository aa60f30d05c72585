#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/registry/keys.hpp>

namespace leasehold::control_plane {

// The first owner key, once per installation: made and written to control_plane.bootstrap.key_file (0600,
// never over another file) before the row is committed, or taken from supplied_key_file. True: it was made
// now. Errors: conflict bootstrap_file_exists; invalid key_malformed. An error while asking is an error, not
// "absent".
task<bool> ensure_owner(registry::keys& keys, const hmac_keys& secrets, const control_plane_config& settings);

}  // namespace leasehold::control_plane
