#include <leasehold/base/uuid.hpp>

#include <sodium.h>

#include <chrono>
#include <cstring>

namespace leasehold {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_hyphen_place(std::size_t i) noexcept
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void stamp(std::array<std::uint8_t, 16>& bytes, unsigned version) noexcept
{
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0fU) | (version << 4U));
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3fU) | 0x80U);
}

}  // namespace

uuid uuid::random()
{
    std::array<std::uint8_t, 16> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    stamp(bytes, 4);
    return uuid(bytes);
}

uuid uuid::time_ordered()
{
    std::array<std::uint8_t, 16> bytes{};
    randombytes_buf(bytes.data(), bytes.size());
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    auto milliseconds =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
    for (std::size_t i = 6; i-- > 0; milliseconds >>= 8U) bytes[i] = static_cast<std::uint8_t>(milliseconds);
    stamp(bytes, 7);
    return uuid(bytes);
}

std::optional<uuid> uuid::parse(std::string_view text) noexcept
{
    if (text.size() != 36) return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_hyphen_place(i)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const int value = hex_value(text[i]);
        if (value < 0) return std::nullopt;
        auto& byte = bytes[nibble / 2];
        byte = static_cast<std::uint8_t>(static_cast<unsigned>(byte) << 4U | static_cast<unsigned>(value));
        ++nibble;
    }
    return uuid(bytes);
}

std::string uuid::to_string() const
{
    std::string text;
    text.reserve(36);
    for (const auto byte : bytes_) {
        if (is_hyphen_place(text.size())) text += '-';
        text += digits[byte >> 4U];
        text += digits[byte & 0x0fU];
    }
    return text;
}

}  // namespace leasehold

// The bytes may be chosen by strangers only where they are ids that we made: a plain mix is enough.
std::size_t std::hash<leasehold::uuid>::operator()(const leasehold::uuid& id) const noexcept
{
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, id.bytes().data(), sizeof high);
    std::memcpy(&low, id.bytes().data() + sizeof high, sizeof low);
    return static_cast<std::size_t>((high ^ (low * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL);
}
