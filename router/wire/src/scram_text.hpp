#pragma once

#include <leasehold/base/crypto.hpp>

#include <optional>
#include <string>
#include <string_view>

// The grammar and the arithmetic that both sides of SCRAM share.
namespace leasehold::router::wire {

// Takes `name=value` and the comma behind it from the front; empty when another attribute stands there.
[[nodiscard]] std::optional<std::string_view> take_attribute(std::string_view& rest, char name) noexcept;
// Printable ASCII without the comma, and something at all.
[[nodiscard]] bool is_nonce(std::string_view text) noexcept;
[[nodiscard]] std::optional<int> parse_iterations(std::string_view text) noexcept;  // within the bounds
[[nodiscard]] std::optional<crypto::digest> digest_from_base64(std::string_view text);
[[nodiscard]] std::string make_nonce();

[[nodiscard]] crypto::digest exclusive_or(const crypto::digest& a, const crypto::digest& b) noexcept;
[[nodiscard]] std::string auth_message(
    std::string_view client_first_bare, std::string_view server_first, std::string_view without_proof
);

// A key of the exchange, wiped at its end.
class short_lived_key
{
public:
    explicit short_lived_key(const crypto::digest& bytes) noexcept : bytes_(bytes) {}
    short_lived_key(const short_lived_key&) = delete;
    short_lived_key& operator=(const short_lived_key&) = delete;
    ~short_lived_key();
    [[nodiscard]] const crypto::digest& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::string_view view() const noexcept { return crypto::view(bytes_); }

private:
    crypto::digest bytes_;
};

}  // namespace leasehold::router::wire
