#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/base/secret.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace leasehold::agent {

// Leasehold-Signature: base64 of Ed25519 over a text of lines. Digests are lower-case hex of SHA-256. Time is
// not part of it: agents have wrong clocks.
std::string sign_enrollment(const secret<std::string>& seed, std::string_view token, std::string_view body);
std::string sign_renewal(
    const secret<std::string>& seed, const host_id& host, std::int64_t generation, std::string_view body
);

}  // namespace leasehold::agent
