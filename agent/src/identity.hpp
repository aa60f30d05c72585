#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/secret.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace leasehold::agent {

// Who this host is: the key pair is the durable identity, the credential its bearer secret for about a day.
struct identity
{
    secret<std::string> seed;  // Ed25519, 32 bytes
    std::string public_key;    // raw, made of the seed
    std::string salt;          // of machine_hint
    std::string machine_hint;  // SHA-256 over salt and machine id, hex; empty where the machine has none

    std::optional<host_id> host;  // empty: not enrolled
    std::string tenant;           // tid
    std::string state;            // as last told: active, pending, …
    secret<std::string> credential;
    std::int64_t generation = 0;
    wall_time expires_at;  // by the gateway's clock
    wall_time renew_at;    // by this machine's

    [[nodiscard]] bool is_enrolled() const noexcept { return host.has_value() && !credential.empty(); }
};

identity make_identity(const std::string& machine_id);
std::string machine_hint_of(const std::string& salt, const std::string& machine_id);

// Empty: there is no such file. Errors: internal "identity_damaged".
std::optional<identity> load_identity(const std::filesystem::path& file);
// 0600; on the disk when this returns.
void store_identity(const std::filesystem::path& file, const identity& who);

}  // namespace leasehold::agent
