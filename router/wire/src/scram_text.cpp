#include "scram_text.hpp"

#include <leasehold/router/wire/scram.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace leasehold::router::wire {

std::optional<std::string_view> take_attribute(std::string_view& rest, char name) noexcept
{
    if (rest.size() < 2 || rest[0] != name || rest[1] != '=') return std::nullopt;
    const auto end = rest.find(',');
    const auto value = rest.substr(2, end == std::string_view::npos ? end : end - 2);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return value;
}

bool is_nonce(std::string_view text) noexcept
{
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != ','; });
}

std::optional<int> parse_iterations(std::string_view text) noexcept
{
    int count = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data(), end, count);
    if (text.empty() || failed != std::errc{} || stop != end) return std::nullopt;
    if (count < scram_iterations_min || count > scram_iterations_max) return std::nullopt;
    return count;
}

std::optional<crypto::digest> digest_from_base64(std::string_view text)
{
    const auto bytes = crypto::from_base64(text);
    crypto::digest value{};
    if (!bytes || bytes->size() != value.size()) return std::nullopt;
    std::memcpy(value.data(), bytes->data(), value.size());
    return value;
}

std::string make_nonce()
{
    constexpr std::size_t nonce_bytes = 18;
    return crypto::to_base64(crypto::random_bytes(nonce_bytes));
}

crypto::digest exclusive_or(const crypto::digest& a, const crypto::digest& b) noexcept
{
    crypto::digest result{};
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
    return result;
}

std::string auth_message(
    std::string_view client_first_bare, std::string_view server_first, std::string_view without_proof
)
{
    std::string message(client_first_bare);
    message.append(",").append(server_first).append(",").append(without_proof);
    return message;
}

short_lived_key::~short_lived_key()
{
    explicit_bzero(bytes_.data(), bytes_.size());
}

std::string_view code_of(scram_failure why) noexcept
{
    switch (why) {
    case scram_failure::none:
    case scram_failure::malformed:
    case scram_failure::unsupported:
        return "protocol_violation";
    case scram_failure::downgrade:
    case scram_failure::binding:
    case scram_failure::mismatch:
        return "auth_failed";
    case scram_failure::iterations:
    case scram_failure::impostor:
        return "lease_unavailable";
    }
    return "internal";
}

}  // namespace leasehold::router::wire
