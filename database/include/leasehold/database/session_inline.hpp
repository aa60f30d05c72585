#pragma once

// Bodies of the templates of session.hpp; include that one.
#include <leasehold/database/session.hpp>

#include <charconv>

namespace leasehold::database {
namespace detail {

// Text as the server sends it, into a value; false when it is not one.
bool read(const std::string& text, bool& value) noexcept;
bool read(const std::string& text, uuid& value) noexcept;
bool read(const std::string& text, wall_time& value) noexcept;

inline bool read(const std::string& text, std::string& value)
{
    value = text;
    return true;
}

template <class Number>
requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) bool read(
    const std::string& text, Number& value
) noexcept
{
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    return result.ec == std::errc{} && result.ptr == end;
}

template <class Tag>
bool read(const std::string& text, strong_id<Tag>& value) noexcept
{
    uuid plain;
    if (!read(text, plain)) return false;
    value = strong_id<Tag>(plain);
    return true;
}

}  // namespace detail

template <class T>
T row::get(std::string_view name) const
{
    auto value = find<T>(name);
    if (!value) refuse(name, "is NULL");
    return std::move(*value);
}

template <class T>
std::optional<T> row::find(std::string_view name) const
{
    const auto& field = text(name);
    if (!field) return std::nullopt;
    std::optional<T> value(std::in_place);
    if (!detail::read(*field, *value)) refuse(name, "is not of the wanted type");
    return value;
}

}  // namespace leasehold::database
