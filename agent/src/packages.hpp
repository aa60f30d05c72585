#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace leasehold::agent {

struct package
{
    package(std::string of_name, std::string of_version, std::string of_manager)
        : name(std::move(of_name))
        , version(std::move(of_version))
        , manager(std::move(of_manager))
    {}
    std::string name;
    std::string version;
    std::string manager;
    friend auto operator<=>(const package&, const package&) = default;
};

// dpkg's status file: the packages that are installed (not those that left only their configuration), sorted,
// one row for each name and version whatever the architecture.
std::vector<package> parse_dpkg_status(std::string_view text);

// Of this machine; empty where there is no dpkg.
std::vector<package> collect_packages();

// SHA-256 over "manager TAB name TAB version LF" of each, in order; hex.
std::string digest_of(const std::vector<package>& packages);

// The body of PUT /packages.
nlohmann::json to_document(const std::vector<package>& packages, const std::string& collected_at);

}  // namespace leasehold::agent
