#pragma once

#include <algorithm>
#include <string_view>

namespace leasehold::http {

// ASCII only, without the locale.
constexpr char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline bool equal_without_case(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return to_lower(x) == to_lower(y);
    });
}

// A header name or method: tokens of RFC 9110.
inline bool is_token(std::string_view text) noexcept
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    const auto allowed = [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               marks.find(c) != std::string_view::npos;
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

// Nothing that could end the line it stands on.
inline bool is_field_value(std::string_view text) noexcept
{
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto code = static_cast<unsigned char>(c);
        return c == '\t' || (code >= 0x20 && code != 0x7f);
    });
}

inline bool is_target(std::string_view text) noexcept
{
    const auto allowed = [](char c) { return c > ' ' && c < '\x7f'; };
    return !text.empty() && text.front() == '/' && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace leasehold::http
