#include <leasehold/base/credential.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr unsigned base = 62;
constexpr std::size_t id_length = 22;
constexpr std::size_t secret_length = 32;
constexpr std::size_t crc_length = 6;

constexpr std::array<std::pair<credential_type, std::string_view>, 3> types{{
    {credential_type::api, "api"},
    {credential_type::enrollment, "enr"},
    {credential_type::host, "host"},
}};

int base62_value(char c) noexcept
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    if (c >= 'a' && c <= 'z') return c - 'a' + 36;
    return -1;
}

bool is_base62(std::string_view text) noexcept
{
    return std::all_of(text.begin(), text.end(), [](char c) { return base62_value(c) >= 0; });
}

std::string crc_text(std::string_view before)
{
    std::string text(crc_length, '0');
    auto value = crypto::crc32(before);
    for (std::size_t i = crc_length; i-- > 0; value /= base) text[i] = alphabet[value % base];
    return text;
}

// "lh_api_": what stands before the id.
std::string prefix_of(credential_type type)
{
    return "lh_" + std::string(types[static_cast<std::size_t>(type)].second) + "_";
}

}  // namespace

std::string to_base62(const uuid& id)
{
    auto number = id.bytes();
    std::string text(id_length, '0');
    for (std::size_t i = id_length; i-- > 0;) {
        unsigned remainder = 0;
        for (auto& byte : number) {
            const unsigned part = remainder * 256 + byte;
            byte = static_cast<std::uint8_t>(part / base);
            remainder = part % base;
        }
        text[i] = alphabet[remainder];
    }
    return text;
}

std::optional<uuid> uuid_from_base62(std::string_view text) noexcept
{
    if (text.size() != id_length) return std::nullopt;
    std::array<std::uint8_t, 16> number{};
    for (const char c : text) {
        const int value = base62_value(c);
        if (value < 0) return std::nullopt;
        auto carry = static_cast<unsigned>(value);
        for (std::size_t i = number.size(); i-- > 0;) {
            const unsigned part = number[i] * base + carry;
            number[i] = static_cast<std::uint8_t>(part);
            carry = part >> 8U;
        }
        if (carry != 0) return std::nullopt;  // above 2^128 - 1
    }
    return uuid(number);
}

credential::credential(credential_type of_type, const uuid& of_row, secret<std::string> text)
    : type(of_type)
    , id(of_row)
    , secret_part(std::move(text))
{}

credential credential::make(credential_type type, const uuid& id)
{
    std::string text;
    text.reserve(secret_length);
    while (text.size() < secret_length) text += alphabet[randombytes_uniform(base)];
    return {type, id, secret<std::string>::take(std::move(text))};
}

std::optional<credential> credential::parse(std::string_view text)
{
    for (const auto& [type, name] : types) {
        const auto prefix = prefix_of(type);
        if (!text.starts_with(prefix)) continue;
        auto rest = text.substr(prefix.size());
        if (rest.size() != id_length + 1 + secret_length + crc_length || rest[id_length] != '_')
            return std::nullopt;
        const auto id = uuid_from_base62(rest.substr(0, id_length));
        const auto body = rest.substr(id_length + 1);
        if (!id || !is_base62(body)) return std::nullopt;
        if (crc_text(text.substr(0, text.size() - crc_length)) != body.substr(secret_length))
            return std::nullopt;
        return credential(type, *id, secret<std::string>(body.substr(0, secret_length)));
    }
    return std::nullopt;
}

secret<std::string> credential::to_text() const
{
    std::string text;
    text.reserve(80);  // one buffer, wiped by take(): no copy is left behind by growing
    text += prefix_of(type);
    text += to_base62(id);
    text += '_';
    text += secret_part.reveal();
    text += crc_text(text);
    return secret<std::string>::take(std::move(text));
}

}  // namespace leasehold
