#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>

namespace leasehold::cli {

// The key of all keys from security.hmac_key_file. Made (O_EXCL, 0600) only where `may_make`: by the first
// control plane of an empty registry. Errors: secret_file_*; invalid hmac_key_malformed.
hmac_keys load_hmac_keys(const config& values, bool may_make);

}  // namespace leasehold::cli
