#include <leasehold/base/crypto.hpp>
#include <leasehold/base/ids.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold {
namespace {

constexpr std::size_t tid_length = 10;
constexpr std::size_t slug_limit = 40;

constexpr std::array<std::pair<role_class, std::string_view>, 5> role_classes{{
    {role_class::rw, "rw"},
    {role_class::ro, "ro"},
    {role_class::migrate, "migrate"},
    {role_class::support, "support"},
    {role_class::ddl, "ddl"},
}};

bool is_lower(char c) noexcept
{
    return c >= 'a' && c <= 'z';
}

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

}  // namespace

tid tid::of(const tenant_id& tenant)
{
    const auto& bytes = tenant.value().bytes();
    const std::string raw(bytes.begin(), bytes.end());
    const auto digest = crypto::sha256(raw);
    return tid(crypto::to_base32_lower(crypto::view(digest)).substr(0, tid_length));
}

std::optional<tid> tid::parse(std::string_view text) noexcept
{
    const auto is_base32 = [](char c) { return is_lower(c) || (c >= '2' && c <= '7'); };
    if (text.size() != tid_length || !std::all_of(text.begin(), text.end(), is_base32)) return std::nullopt;
    return tid(std::string(text));
}

std::optional<slug> slug::parse(std::string_view text) noexcept
{
    if (text.empty() || text.size() > slug_limit) return std::nullopt;
    const auto is_allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
    if (!std::all_of(text.begin(), text.end(), is_allowed)) return std::nullopt;
    if (!is_lower(text.front()) || text.back() == '-' || text.starts_with("xn--")) return std::nullopt;
    return slug(std::string(text));
}

std::string_view to_text(role_class value) noexcept
{
    return role_classes[static_cast<std::size_t>(value)].second;
}

std::optional<role_class> parse_role_class(std::string_view text) noexcept
{
    for (const auto& [value, name] : role_classes) {
        if (name == text) return value;
    }
    return std::nullopt;
}

}  // namespace leasehold
