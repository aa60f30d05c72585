#pragma once

#include <leasehold/base/config_yaml.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace leasehold {

// For every YAML file of the product (the server's and the agent's): one syntax for durations, sizes and
// addresses.
//
// What is wrong with a value, as the end of the sentence "KEY ...". Empty: nothing.
using complaint = std::optional<std::string>;

// Read one value of its type from the file; on a complaint `into` is unchanged.
complaint read_value(const yaml_node& from, bool& into);
complaint read_value(const yaml_node& from, int& into);
complaint read_value(const yaml_node& from, std::int64_t& into);  // a size in bytes: 64KiB
complaint read_value(const yaml_node& from, double& into);
complaint read_value(const yaml_node& from, std::string& into);
complaint read_value(const yaml_node& from, path& into);
complaint read_value(const yaml_node& from, milliseconds& into);
complaint read_value(const yaml_node& from, address& into);
complaint read_value(const yaml_node& from, std::optional<address>& into);  // empty text: none

template <class Item>
complaint read_value(const yaml_node& from, std::vector<Item>& into)
{
    if (from.kind != yaml_node::shape::list) return "needs a list";
    std::vector<Item> items;
    for (const auto& node : from.items) {
        Item item{};
        if (auto bad = read_value(node, item)) return bad;
        items.push_back(std::move(item));
    }
    into = std::move(items);
    return {};
}

// The same values as YAML that reads back as the same value.
std::string to_yaml(bool value);
std::string to_yaml(int value);
std::string to_yaml(std::int64_t value);
std::string to_yaml(double value);
std::string to_yaml(const std::string& value);
std::string to_yaml(const path& value);
std::string to_yaml(milliseconds value);
std::string to_yaml(const address& value);
std::string to_yaml(const std::optional<address>& value);

template <class Item>
std::string to_yaml(const std::vector<Item>& values)
{
    std::string text = "[";
    for (const auto& value : values) text += (text.size() > 1 ? ", " : "") + to_yaml(value);
    return text + "]";
}

// The valid name that an unknown one most likely meant.
std::string nearest_name(std::string_view unknown, const std::vector<std::string>& valid);

// What people call the type, in messages and documentation.
enum class value_type : std::uint8_t
{
    boolean,
    integer,
    size,
    number,
    text,
    file,
    duration,
    address,
    servers
};
constexpr value_type type_of(const bool&) noexcept
{
    return value_type::boolean;
}
constexpr value_type type_of(const int&) noexcept
{
    return value_type::integer;
}
constexpr value_type type_of(const std::int64_t&) noexcept
{
    return value_type::size;
}
constexpr value_type type_of(const double&) noexcept
{
    return value_type::number;
}
inline value_type type_of(const std::string&) noexcept
{
    return value_type::text;
}
inline value_type type_of(const path&) noexcept
{
    return value_type::file;
}
constexpr value_type type_of(const milliseconds&) noexcept
{
    return value_type::duration;
}
inline value_type type_of(const address&) noexcept
{
    return value_type::address;
}
inline value_type type_of(const std::optional<address>&) noexcept
{
    return value_type::address;
}
inline value_type type_of(const std::vector<std::string>&) noexcept
{
    return value_type::text;
}
inline value_type type_of(const std::vector<address>&) noexcept
{
    return value_type::address;
}
inline value_type type_of(const std::vector<provisioned_server_config>&) noexcept
{
    return value_type::servers;
}

}  // namespace leasehold
