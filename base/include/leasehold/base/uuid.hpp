#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold {

// 128 bits with the text form of RFC 9562. A value type; the nil UUID is the default.
class uuid
{
public:
    constexpr uuid() = default;
    explicit constexpr uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

    static uuid random();        // version 4
    static uuid time_ordered();  // version 7: milliseconds since 1970 first, so later ones sort later
    static std::optional<uuid> parse(std::string_view text) noexcept;  // 36 characters, either case

    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool is_nil() const noexcept { return *this == uuid{}; }

    friend auto operator<=>(const uuid&, const uuid&) = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

// A UUID that belongs to one kind of thing: mixing two kinds does not compile.
template <class Tag>
class strong_id
{
public:
    constexpr strong_id() = default;
    explicit constexpr strong_id(uuid value) : value_(value) {}

    static strong_id random() { return strong_id(uuid::random()); }
    static strong_id time_ordered() { return strong_id(uuid::time_ordered()); }
    static std::optional<strong_id> parse(std::string_view text) noexcept
    {
        const auto value = uuid::parse(text);
        if (!value) return std::nullopt;
        return strong_id(*value);
    }

    [[nodiscard]] const uuid& value() const noexcept { return value_; }
    [[nodiscard]] std::string to_string() const { return value_.to_string(); }
    [[nodiscard]] bool is_nil() const noexcept { return value_.is_nil(); }

    friend auto operator<=>(const strong_id&, const strong_id&) = default;

private:
    uuid value_;
};

}  // namespace leasehold

template <>
struct std::hash<leasehold::uuid>
{
    std::size_t operator()(const leasehold::uuid& id) const noexcept;
};

template <class Tag>
struct std::hash<leasehold::strong_id<Tag>>
{
    std::size_t operator()(const leasehold::strong_id<Tag>& id) const noexcept
    {
        return std::hash<leasehold::uuid>{}(id.value());
    }
};
