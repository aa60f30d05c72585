#include <leasehold/router/directory.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace leasehold::router {
namespace {

constexpr std::array<std::string_view, 6> state_names{
    "provisioning", "active", "suspended", "moving", "deleting", "failed"};
constexpr std::array<std::string_view, 3> role_names{"read", "write", "admin"};

template <class Enum, std::size_t Count>
std::optional<Enum> find_in(const std::array<std::string_view, Count>& names, std::string_view text) noexcept
{
    const auto at = std::find(names.begin(), names.end(), text);
    if (at == names.end()) return std::nullopt;
    return static_cast<Enum>(at - names.begin());
}

bool is_host_character(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

}  // namespace

std::string_view to_text(tenant_state value) noexcept
{
    return state_names[static_cast<std::size_t>(value)];
}

std::optional<tenant_state> parse_tenant_state(std::string_view text) noexcept
{
    return find_in<tenant_state>(state_names, text);
}

std::optional<key_role> parse_key_role(std::string_view text) noexcept
{
    return find_in<key_role>(role_names, text);
}

std::optional<network> network::parse(std::string_view text) noexcept
{
    const auto slash = text.find('/');
    std::array<char, INET6_ADDRSTRLEN> address{};
    const auto host = text.substr(0, slash);
    if (host.empty() || host.size() >= address.size()) return std::nullopt;
    std::copy(host.begin(), host.end(), address.begin());

    network made;
    unsigned longest = 128;
    if (::inet_pton(AF_INET, address.data(), made.bytes.data() + 12) == 1) {
        made.bytes[10] = made.bytes[11] = 0xff;
        longest = 32;
    } else if (::inet_pton(AF_INET6, address.data(), made.bytes.data()) != 1) {
        return std::nullopt;
    }
    unsigned prefix = longest;
    if (slash != std::string_view::npos) {
        const auto digits = text.substr(slash + 1);
        const auto* end = digits.data() + digits.size();
        const auto read = std::from_chars(digits.data(), end, prefix);
        if (read.ec != std::errc{} || read.ptr != end || prefix > longest) return std::nullopt;
    }
    made.prefix = static_cast<std::uint8_t>(prefix + (128 - longest));
    return made;
}

bool network::contains(const network& host) const noexcept
{
    const std::size_t whole = prefix / 8;
    if (std::memcmp(bytes.data(), host.bytes.data(), whole) != 0) return false;
    const unsigned rest = prefix % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
    return (bytes[whole] & mask) == (host.bytes[whole] & mask);
}

std::optional<std::string> to_canonical_domain(std::string_view name)
{
    const auto is_address = [](std::string_view text) {
        return text.find('/') == std::string_view::npos && network::parse(text);
    };
    if (name.empty()) return std::nullopt;
    const auto end = name.find(']');
    const bool is_bracketed = name.front() == '[' && end != std::string_view::npos;  // [v6]:port
    if (is_address(is_bracketed ? name.substr(1, end - 1) : name)) return std::nullopt;
    name = name.substr(0, name.rfind(':'));
    if (name.ends_with('.')) name.remove_suffix(1);
    if (is_address(name)) return std::nullopt;
    std::string canonical(name);
    for (auto& c : canonical) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const bool is_legal =
        canonical.size() <= 253 && std::all_of(canonical.begin(), canonical.end(), is_host_character);
    return is_legal ? canonical : std::string();
}

}  // namespace leasehold::router
