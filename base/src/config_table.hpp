#pragma once

#include <leasehold/base/config_value.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold {

// One key of a configuration struct: everything that reading, printing, checking and documenting it needs.
template <class Owner>
struct key_row
{
    std::string name;  // dotted
    value_type type{};
    bool is_list = false;
    std::vector<std::string> choices;  // not empty: nothing else is allowed
    bool is_reloadable = false;
    std::string comment;
    std::function<complaint(Owner&, const yaml_node&)> set;
    std::function<std::string(const Owner&)> get;  // as YAML
    std::function<void(Owner& to, const Owner& from)> copy;
};

// Every key, in the order of the reference file.
const std::vector<key_row<config>>& config_keys();
// The keys of one entry of provisioning.servers.
const std::vector<key_row<provisioned_server_config>>& server_keys();

// Sections ("registry", "registry.pool") and what they are for; "" where nothing needs saying.
std::string_view section_comment(std::string_view section) noexcept;

// The variable that sets a key: LEASEHOLD__ROUTER__LANES.
std::string variable_of(std::string_view key);

complaint read_value(const yaml_node& from, std::vector<provisioned_server_config>& into);
std::string to_yaml(const std::vector<provisioned_server_config>& values);

// Problems of values that are right one by one but not together (config_checks.cpp).
void cross_check(
    const config& values,
    bool is_development,
    const std::function<bool(std::string_view)>& is_readable,  // false: the key itself already has a problem
    const std::function<void(std::string_view key, std::string text)>& refuse
);

}  // namespace leasehold
