#pragma once

#include "invocation.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::cli {

// One command of the tree: what it takes and what it does. main.cpp makes it of CLI11's classes, which are
// too costly to compile in every file. What `into` refers to outlives the command; it is filled before the
// work runs.
class command
{
public:
    virtual ~command() = default;

    virtual command& sub(const std::string& name, const std::string& about) = 0;
    // Runs without a sub-command as well.
    virtual void subs_are_optional() = 0;

    virtual void argument(const std::string& name, std::string& into, const std::string& about) = 0;
    virtual void optional_argument(const std::string& name, std::string& into, const std::string& about) = 0;

    virtual void option(const std::string& name, std::string& into, const std::string& about) = 0;
    virtual void
    option(const std::string& name, std::optional<std::string>& into, const std::string& about) = 0;
    virtual void
    option(const std::string& name, std::optional<std::int64_t>& into, const std::string& about) = 0;
    virtual void
    option(const std::string& name, std::vector<std::string>& into, const std::string& about) = 0;
    // 250ms 30s 5m 12h 7d
    virtual void option(
        const std::string& name, std::optional<std::chrono::milliseconds>& into, const std::string& about
    ) = 0;
    virtual void flag(const std::string& name, bool& into, const std::string& about) = 0;
    virtual void require(const std::string& option) = 0;

    // The exit code; what it throws is reported by main().
    virtual void runs(std::function<int()> work) = 0;
};

// Each fills its command; one line in the table of main.cpp.
void declare_serve(command& at, const invocation& how);
void declare_migrate(command& at, const invocation& how);
void declare_provision_bootstrap(command& at, const invocation& how);
void declare_config(command& at, const invocation& how);
void declare_license(command& at, const invocation& how);
void declare_doctor(command& at, const invocation& how);
void declare_health(command& at, const invocation& how);
void declare_version(command& at, const invocation& how);
void declare_agent(command& at, const invocation& how);
void declare_whoami(command& at, const invocation& how);
void declare_status(command& at, const invocation& how);
void declare_tenant(command& at, const invocation& how);
void declare_server(command& at, const invocation& how);
void declare_token(command& at, const invocation& how);
void declare_key(command& at, const invocation& how);
void declare_host(command& at, const invocation& how);
void declare_operation(command& at, const invocation& how);

}  // namespace leasehold::cli
