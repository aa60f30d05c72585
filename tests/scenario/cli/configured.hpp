#pragma once

#include "program.hpp"
#include "scratch_folder.hpp"
#include "stack.hpp"

#include <leasehold/base/config.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace leasehold::test {

// An empty registry database with its three logins, as deploy/registry.sql makes them; all go at the end.
class empty_registry
{
public:
    empty_registry();
    ~empty_registry();
    empty_registry(const empty_registry&) = delete;
    empty_registry& operator=(const empty_registry&) = delete;

    [[nodiscard]] const registry_config& config() const noexcept { return config_; }
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_.path(); }
    [[nodiscard]] database::endpoint as_superuser() const;

private:
    scratch_folder folder_;  // of the passwords
    registry_config config_;
};

// An installation as its user has it: a configuration file, a folder with its secrets, and the program that
// reads them. Listeners are on ports of the loopback that were free.
class configured
{
public:
    explicit configured(leasehold::config values);

    // Change it, then save() it.
    leasehold::config values;
    void save() const;

    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
    [[nodiscard]] std::filesystem::path file() const { return folder_ / "leasehold.yaml"; }
    [[nodiscard]] std::string api() const { return values.control_plane.public_url; }
    [[nodiscard]] std::string agents() const;

    // A client's way to a tenant with an API key's text, as libpq takes it.
    [[nodiscard]] database::endpoint client(const std::string& slug, const std::string& key) const;

    // A command that reads the file, and one that calls the API with the owner's key; both to their end.
    [[nodiscard]] ended local(std::vector<std::string> arguments) const;
    [[nodiscard]] ended call(std::vector<std::string> arguments) const;
    // `serve --dev`, as soon as it is ready; throws with what it said where it ends instead.
    [[nodiscard]] std::unique_ptr<program> serve(std::vector<std::string> more = {}) const;

private:
    scratch_folder folder_;
};

}  // namespace leasehold::test
