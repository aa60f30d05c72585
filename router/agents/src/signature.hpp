#pragma once

#include <leasehold/base/ids.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace leasehold::router::agents {

// Leasehold-Signature: base64 of Ed25519 over
//   "leasehold-enroll-1" LF hex SHA-256 of the token LF hex SHA-256 of the body
//   "leasehold-renew-1" LF host id LF generation LF hex SHA-256 of the body
// Throws unauthenticated "signature_invalid". `public_key` raw, 32 bytes.
void verify_enrollment(
    std::string_view public_key,
    std::string_view token,
    std::string_view body,
    std::optional<std::string_view> signature
);
void verify_renewal(
    std::string_view public_key,
    const host_id& host,
    std::int64_t generation,
    std::string_view body,
    std::optional<std::string_view> signature
);

}  // namespace leasehold::router::agents
