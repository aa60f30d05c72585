#pragma once

#include <leasehold/base/secret.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Thin names over OpenSSL and libsodium: the only place outside TLS where either is called. Pure functions,
// any thread. Byte strings travel as std::string (raw bytes) and std::string_view.
namespace leasehold::crypto {

using digest = std::array<std::uint8_t, 32>;

[[nodiscard]] digest sha256(std::string_view bytes);
[[nodiscard]] digest hmac_sha256(std::string_view key, std::string_view bytes);
[[nodiscard]] std::string_view view(const digest& value) noexcept;  // its 32 raw bytes

// HKDF-SHA-256 (RFC 5869) with an empty salt; `label` is the info. 32 bytes.
[[nodiscard]] secret<std::string> hkdf_sha256(std::string_view key, std::string_view label);
// PBKDF2-HMAC-SHA-256, 32 bytes. Costs milliseconds: on a worker, not on a lane.
[[nodiscard]] digest pbkdf2_sha256(std::string_view password, std::string_view salt, int iterations);

[[nodiscard]] std::string random_bytes(std::size_t count);

[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);     // padded, strict
[[nodiscard]] std::string to_base64url(std::string_view bytes);                  // unpadded
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);  // unpadded, strict
[[nodiscard]] std::string to_base32_lower(std::string_view bytes);  // RFC 4648 alphabet, lower case, unpadded

[[nodiscard]] std::uint32_t crc32(std::string_view bytes) noexcept;   // IEEE 802.3 (zlib)
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes) noexcept;  // Castagnoli

// A SCRAM-SHA-256 verifier in PostgreSQL's text form: "SCRAM-SHA-256$<i>:<salt>$<StoredKey>:<ServerKey>".
[[nodiscard]] std::string make_scram_verifier(std::string_view password, int iterations);

// Ed25519 (RFC 8032). Keys and signatures raw: seed 32 bytes, public key 32, signature 64.
struct ed25519_pair
{
    secret<std::string> seed;
    std::string public_key;
};
[[nodiscard]] ed25519_pair make_ed25519_pair();
[[nodiscard]] ed25519_pair ed25519_from_seed(std::string_view seed);
[[nodiscard]] ed25519_pair ed25519_from_pem(std::string_view pem);  // PKCS#8; throws invalid "key_malformed"
[[nodiscard]] std::string ed25519_sign(std::string_view seed, std::string_view message);
[[nodiscard]] bool
ed25519_verify(std::string_view public_key, std::string_view message, std::string_view signature);

}  // namespace leasehold::crypto
