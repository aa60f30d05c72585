#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/base/ids.hpp>

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::vault_client {

namespace detail {
[[nodiscard]] bool
is_segment(std::string_view text, std::size_t longest) noexcept;  // 1 to longest of [a-z0-9_-]
[[noreturn]] void refuse_name(std::string_view what);             // invalid "broker_name_invalid"
}  // namespace detail

// One segment of a path at the broker. Its characters are [a-z0-9_-], so nothing else can ever reach a path:
// no "..", no wildcard, no "/", no text of a tenant. The constructor throws invalid "broker_name_invalid";
// parse() refuses.
template <class Tag>
class path_segment
{
public:
    explicit path_segment(std::string_view text)
    {
        if (!detail::is_segment(text, Tag::longest)) detail::refuse_name(Tag::what);
        text_ = text;
    }
    static std::optional<path_segment> parse(std::string_view text)
    {
        if (!detail::is_segment(text, Tag::longest)) return std::nullopt;
        return path_segment(text);
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    friend auto operator<=>(const path_segment&, const path_segment&) = default;

private:
    std::string text_;
};

struct mount_tag
{
    static constexpr std::string_view what = "mount";
    static constexpr std::size_t longest = 64;
};
struct config_tag
{
    static constexpr std::string_view what = "database config";
    static constexpr std::size_t longest = 63;
};
struct policy_tag
{
    static constexpr std::string_view what = "policy";
    static constexpr std::size_t longest = 64;
};
struct approle_tag
{
    static constexpr std::string_view what = "approle";
    static constexpr std::size_t longest = 64;
};
struct transit_tag
{
    static constexpr std::string_view what = "transit key";
    static constexpr std::size_t longest = 64;
};
struct role_tag
{
    static constexpr std::string_view what = "broker role";
    static constexpr std::size_t longest = 36;
};

using mount_name = path_segment<mount_tag>;
using config_name = path_segment<config_tag>;  // a database config = one PostgreSQL server
using policy_name = path_segment<policy_tag>;
using approle_name = path_segment<approle_tag>;
using transit_key = path_segment<transit_tag>;
// 36 is what the username template keeps of it: a longer one could not be told from its neighbour in a
// login's name.
using broker_role = path_segment<role_tag>;

// rw_<tid>_<generation>: class first, since policies match prefixes.
[[nodiscard]] broker_role role_of(role_class what, const tid& tenant, int placement_generation);
// support_<tid>_<generation>_<first 8 hex digits of the grant>: one for each grant.
[[nodiscard]] broker_role
support_role_of(const tid& tenant, int placement_generation, std::string_view grant8);
// What every login made by this role begins with: lease_<role>_.
[[nodiscard]] std::string username_prefix(const broker_role& role);

// Segments joined by "/", of a path below a KV mount: leasehold/servers/eu-1. At most 8 segments of 64.
class kv_path
{
public:
    explicit kv_path(std::string_view text);  // throws invalid "broker_name_invalid"
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    friend auto operator<=>(const kv_path&, const kv_path&) = default;

private:
    std::string text_;
};

// A lease as the broker names it; opaque, compared whole (it may end in ".<namespace>"). It travels in bodies
// only. At most 512 printable characters. In logs only its fingerprint appears.
class lease_id
{
public:
    explicit lease_id(std::string_view text);  // throws invalid "broker_name_invalid"
    static std::optional<lease_id> parse(std::string_view text);
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] std::string fingerprint() const;  // 8 hex digits of SHA-256
    friend auto operator<=>(const lease_id&, const lease_id&) = default;

private:
    lease_id() = default;
    std::string text_;
};

}  // namespace leasehold::vault_client

template <class Tag>
struct std::hash<leasehold::vault_client::path_segment<Tag>>
{
    std::size_t operator()(const leasehold::vault_client::path_segment<Tag>& s) const noexcept
    {
        return std::hash<std::string>{}(s.text());
    }
};
