#include <leasehold/base/config.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace leasehold {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text)
{
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data(), end, port);
    if (failed != std::errc{} || stop != end) return std::nullopt;
    return port;
}

bool is_host_name(std::string_view text)
{
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= 253 && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), allowed);
}

bool is_ipv6(const std::string& text)
{
    in6_addr parsed{};
    return inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

}  // namespace

std::optional<address> address::parse(std::string_view text)
{
    constexpr std::string_view unix_prefix = "unix:";
    if (text.substr(0, unix_prefix.size()) == unix_prefix) {
        const auto socket = text.substr(unix_prefix.size());
        if (socket.size() < 2 || socket.front() != '/') return std::nullopt;
        address result;
        result.unix_path = socket;
        return result;
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::nullopt;
    address result;
    result.host = text.substr(0, colon);
    result.port = *port;
    if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']') {
        result.host = result.host.substr(1, result.host.size() - 2);
        if (!is_ipv6(result.host)) return std::nullopt;
        return result;
    }
    if (!is_host_name(result.host)) return std::nullopt;
    return result;
}

bool address::is_loopback() const noexcept
{
    if (is_unix() || host == "localhost" || host == "::1") return true;
    std::array<unsigned char, 4> octets{};
    return inet_pton(AF_INET, host.c_str(), octets.data()) == 1 && octets[0] == 127;
}

std::string address::to_string() const
{
    if (is_unix()) return "unix:" + unix_path;
    const bool is_v6 = host.find(':') != std::string::npos;
    return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace leasehold
