// Text forms of bytes and their check sums: the parts of crypto.hpp that need no library.
#include <leasehold/base/crypto.hpp>

namespace leasehold::crypto {
namespace {

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view base32_alphabet = "abcdefghijklmnopqrstuvwxyz234567";

// `bits` per character, most significant first, the last character filled up with zero bits.
std::string encode(std::string_view bytes, std::string_view alphabet, unsigned bits)
{
    std::string text;
    text.reserve((bytes.size() * 8 + bits - 1) / bits);
    const std::uint32_t mask = (1U << bits) - 1;
    std::uint32_t kept = 0;
    unsigned have = 0;
    for (const char c : bytes) {
        kept = (kept << 8U) | static_cast<unsigned char>(c);
        have += 8;
        while (have >= bits) {
            have -= bits;
            text += alphabet[(kept >> have) & mask];
        }
        kept &= (1U << have) - 1;
    }
    if (have > 0) text += alphabet[(kept << (bits - have)) & mask];
    return text;
}

// Strict: no foreign characters, no impossible length, and the bits that fill up are zero (one text per
// value).
std::optional<std::string> decode_base64(std::string_view text, std::string_view alphabet)
{
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t kept = 0;
    unsigned have = 0;
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        kept = (kept << 6U) | static_cast<std::uint32_t>(value);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes += static_cast<char>(static_cast<unsigned char>(kept >> have));
        }
        kept &= (1U << have) - 1;
    }
    if (kept != 0) return std::nullopt;
    return bytes;
}

constexpr std::array<std::uint32_t, 256> crc_table(std::uint32_t reversed_polynomial)
{
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1U) ^ ((value & 1U) != 0 ? reversed_polynomial : 0U);
        table[i] = value;
    }
    return table;
}

std::uint32_t crc(std::string_view bytes, const std::array<std::uint32_t, 256>& table) noexcept
{
    std::uint32_t value = ~0U;
    for (const char c : bytes) value = (value >> 8U) ^ table[(value ^ static_cast<unsigned char>(c)) & 0xffU];
    return ~value;
}

constexpr auto crc32_table = crc_table(0xedb88320U);
constexpr auto crc32c_table = crc_table(0x82f63b78U);

}  // namespace

std::string to_hex(std::string_view bytes)
{
    return encode(bytes, "0123456789abcdef", 4);
}

std::string to_base64(std::string_view bytes)
{
    auto text = encode(bytes, base64_alphabet, 6);
    while (text.size() % 4 != 0) text += '=';
    return text;
}

std::optional<std::string> from_base64(std::string_view text)
{
    if (text.size() % 4 != 0) return std::nullopt;
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    return decode_base64(text, base64_alphabet);
}

std::string to_base64url(std::string_view bytes)
{
    return encode(bytes, base64url_alphabet, 6);
}

std::optional<std::string> from_base64url(std::string_view text)
{
    return decode_base64(text, base64url_alphabet);
}

std::string to_base32_lower(std::string_view bytes)
{
    return encode(bytes, base32_alphabet, 5);
}

std::uint32_t crc32(std::string_view bytes) noexcept
{
    return crc(bytes, crc32_table);
}

std::uint32_t crc32c(std::string_view bytes) noexcept
{
    return crc(bytes, crc32c_table);
}

}  // namespace leasehold::crypto
