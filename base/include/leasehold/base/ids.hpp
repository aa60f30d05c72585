#pragma once

#include <leasehold/base/uuid.hpp>

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold {

using tenant_id = strong_id<struct tenant_tag>;
using server_id = strong_id<struct server_tag>;
using host_id = strong_id<struct host_tag>;
using key_id = strong_id<struct key_tag>;
using token_id = strong_id<struct token_tag>;
using operation_id = strong_id<struct operation_tag>;
using router_id = strong_id<struct router_tag>;
using installation_id = strong_id<struct installation_tag>;

// Ten lower-case base32 characters (a-z, 2-7) that stand for a tenant wherever its slug must not: names in
// PostgreSQL and at the broker, logs, metrics. The first 50 bits of SHA-256 over the tenant's id, so it never
// changes.
class tid
{
public:
    static tid of(const tenant_id& tenant);
    static std::optional<tid> parse(std::string_view text) noexcept;

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    friend auto operator<=>(const tid&, const tid&) = default;

private:
    explicit tid(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// A tenant's name in addresses: DNS-safe, 1 to 40 characters, `[a-z]([a-z0-9-]*[a-z0-9])?`, never beginning
// with "t_" or "xn--". Whether it is free or reserved is not known here.
class slug
{
public:
    static std::optional<slug> parse(std::string_view text) noexcept;

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    friend auto operator<=>(const slug&, const slug&) = default;

private:
    explicit slug(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// What a lease may do.
enum class role_class : std::uint8_t
{
    rw,
    ro,
    migrate,
    support,
    ddl
};
std::string_view to_text(role_class value) noexcept;
std::optional<role_class> parse_role_class(std::string_view text) noexcept;

}  // namespace leasehold

template <>
struct std::hash<leasehold::tid>
{
    std::size_t operator()(const leasehold::tid& t) const noexcept
    {
        return std::hash<std::string>{}(t.text());
    }
};
