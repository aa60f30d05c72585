#pragma once

#include <leasehold/base/config.hpp>

namespace leasehold::http {

// Certificate and key as a listener takes them; none is fine. Errors: invalid "tls_files_unusable", which
// names the file.
void check_tls(const tls_files& files);

// A CA file as a client takes it; none is fine. Errors: invalid "tls_files_unusable", which names the file.
void check_ca(const path& file);

}  // namespace leasehold::http
