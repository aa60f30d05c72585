#pragma once

#include <leasehold/base/secret.hpp>
#include <leasehold/base/uuid.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold {

// The one shape of every secret the product hands out: lh_<type>_<id>_<secret><crc>, base62 (0-9A-Za-z), 68
// characters: id 22 (the row's UUID as a number), secret 32 from the system generator (190 bits), crc 6
// (CRC-32 of all before it).
enum class credential_type : std::uint8_t
{
    api,
    enrollment,
    host
};  // texts "api", "enr", "host"

struct credential
{
    credential(credential_type of_type, const uuid& of_row, secret<std::string> text);

    credential_type type;
    uuid id;
    secret<std::string> secret_part;  // the 32 characters that are HMACed

    static credential make(credential_type type, const uuid& id);
    // Empty when shape, alphabet or check sum is wrong: refused without a query.
    static std::optional<credential> parse(std::string_view text);
    [[nodiscard]] secret<std::string> to_text() const;
};

// 22 base62 characters of a UUID, most significant first; the form of a key id in a PostgreSQL user name.
std::string to_base62(const uuid& id);
std::optional<uuid> uuid_from_base62(std::string_view text) noexcept;

// The key under which the registry stores secrets, and while it is replaced the one before. Text form of a
// stored secret:
// "<key number>$<hex HMAC-SHA-256(key, secret)>". The file holds the current key on its first line and the
// previous one on a second, 64 hex characters each. The key number is the first 8 hex digits of SHA-256 over
// the key.
class hmac_keys
{
public:
    explicit hmac_keys(secret<std::string> file_content);  // throws invalid "hmac_key_malformed"
    static secret<std::string> make_file_content();
    [[nodiscard]] hmac_keys clone() const;

    [[nodiscard]] std::string stored_form(std::string_view secret_part) const;  // under the current key
    [[nodiscard]] std::vector<std::string> accepted_forms(std::string_view secret_part
    ) const;  // current, then previous
    // Constant time; compares against a fixed dummy when `stored` is empty, so that an unknown id costs the
    // same.
    [[nodiscard]] bool matches(std::string_view stored, std::string_view secret_part) const;
    [[nodiscard]] std::vector<std::string>
    fingerprints() const;  // of each key: the key numbers, current first
    // HKDF subkey for one purpose ("ticket", "cancel", "mock", "cursor", "snapshot").
    [[nodiscard]] secret<std::string> subkey(std::string_view label) const;
    // The same of each key, current first: what was made under the previous one is still known.
    [[nodiscard]] std::vector<secret<std::string>> subkeys(std::string_view label) const;

private:
    hmac_keys() = default;

    std::vector<secret<std::string>> keys_;  // raw, 32 bytes each
};

}  // namespace leasehold
