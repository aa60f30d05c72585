#include <leasehold/base/config_value.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace leasehold {
namespace {

// A wrong value is shown, since most are slips of the finger; a long one is cut.
std::string shown(const yaml_node& from)
{
    switch (from.kind) {
    case yaml_node::shape::null:
        return "nothing";
    case yaml_node::shape::list:
        return "a list";
    case yaml_node::shape::map:
        return "a mapping";
    case yaml_node::shape::scalar:
        break;
    }
    return "'" + (from.text.size() > 60 ? from.text.substr(0, 57) + "..." : from.text) + "'";
}

complaint needs(std::string_view what, const yaml_node& from)
{
    return fmt::format("needs {}, not {}", what, shown(from));
}

bool is_bare(const yaml_node& from)
{
    return from.kind == yaml_node::shape::scalar && !from.is_quoted;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text)
{
    Number value{};
    const auto* end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data(), end, value);
    if (failed != std::errc{} || stop != end || text.empty()) return std::nullopt;
    return value;
}

struct unit
{
    std::string_view name;
    std::int64_t size;
};
// Largest first: a value is printed in the largest unit that divides it.
constexpr std::array duration_units{
    unit{"d", 86'400'000}, unit{"h", 3'600'000}, unit{"m", 60'000}, unit{"s", 1000}, unit{"ms", 1}};
constexpr std::array size_units{
    unit{"GiB", 1LL << 30}, unit{"MiB", 1 << 20}, unit{"KiB", 1 << 10}, unit{"B", 1}};

template <std::size_t Count>
std::optional<std::int64_t> parse_with_unit(std::string_view text, const std::array<unit, Count>& units)
{
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_number<std::int64_t>(text.substr(0, digits));
    for (const auto& one : units) {
        if (!number || text.substr(digits) != one.name) continue;
        if (*number > std::numeric_limits<std::int64_t>::max() / one.size / 1'000'000) return std::nullopt;
        return *number * one.size;
    }
    return std::nullopt;
}

template <std::size_t Count>
std::string with_unit(std::int64_t value, const std::array<unit, Count>& units, std::string_view zero)
{
    if (value == 0) return std::string(zero);
    for (const auto& one : units)
        if (value % one.size == 0) return fmt::format("{}{}", value / one.size, one.name);
    return {};
}

}  // namespace

complaint read_value(const yaml_node& from, bool& into)
{
    if (!is_bare(from) || (from.text != "true" && from.text != "false")) return needs("true or false", from);
    into = from.text == "true";
    return {};
}

complaint read_value(const yaml_node& from, int& into)
{
    const auto value = is_bare(from) ? parse_number<int>(from.text) : std::nullopt;
    if (!value) return needs("a whole number", from);
    into = *value;
    return {};
}

complaint read_value(const yaml_node& from, std::int64_t& into)
{
    const auto value =
        from.kind == yaml_node::shape::scalar ? parse_with_unit(from.text, size_units) : std::nullopt;
    if (!value) return needs("a size with its unit (B, KiB, MiB, GiB)", from);
    into = *value;
    return {};
}

complaint read_value(const yaml_node& from, double& into)
{
    const auto value = is_bare(from) ? parse_number<double>(from.text) : std::nullopt;
    if (!value || *value != *value) return needs("a number", from);
    into = *value;
    return {};
}

complaint read_value(const yaml_node& from, std::string& into)
{
    if (from.kind != yaml_node::shape::scalar) return needs("a text", from);
    if (from.text.find('\0') != std::string::npos) return "must not contain a zero byte";
    into = from.text;
    return {};
}

complaint read_value(const yaml_node& from, path& into)
{
    std::string text;
    if (auto bad = read_value(from, text)) return bad;
    into = text;
    return {};
}

complaint read_value(const yaml_node& from, milliseconds& into)
{
    const auto value =
        from.kind == yaml_node::shape::scalar ? parse_with_unit(from.text, duration_units) : std::nullopt;
    if (!value) return needs("a duration with its unit (250ms, 30s, 5m, 12h, 7d)", from);
    into = milliseconds(*value);
    return {};
}

complaint read_value(const yaml_node& from, address& into)
{
    auto value = from.kind == yaml_node::shape::scalar ? address::parse(from.text) : std::nullopt;
    if (!value) return needs("an address (host:port, [v6]:port, unix:/path)", from);
    into = std::move(*value);
    return {};
}

complaint read_value(const yaml_node& from, std::optional<address>& into)
{
    if (from.kind == yaml_node::shape::scalar && from.text.empty()) {
        into.reset();
        return {};
    }
    address value;
    if (auto bad = read_value(from, value)) return bad;
    into = std::move(value);
    return {};
}

std::string to_yaml(bool value)
{
    return value ? "true" : "false";
}

std::string to_yaml(int value)
{
    return std::to_string(value);
}

std::string to_yaml(std::int64_t value)
{
    return with_unit(value, size_units, "0B");
}

std::string to_yaml(double value)
{
    return fmt::format("{}", value);
}

std::string to_yaml(const std::string& value)
{
    return to_yaml_text(value);
}

std::string to_yaml(const path& value)
{
    return to_yaml_text(value.native());
}

std::string to_yaml(milliseconds value)
{
    return with_unit(value.count(), duration_units, "0s");
}

std::string to_yaml(const address& value)
{
    return to_yaml_text(value.to_string());
}

std::string to_yaml(const std::optional<address>& value)
{
    return value ? to_yaml(*value) : to_yaml_text("");
}

}  // namespace leasehold
