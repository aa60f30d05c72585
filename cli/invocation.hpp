#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace leasehold::cli {

// What was said on the command line for any command, and the environment as far as commands may see it.
// Filled by main() before a command runs; not changed afterwards.
struct invocation
{
    // Local commands: the configuration they read.
    std::string config_file;
    std::string log_level;
    bool development = false;
    std::map<std::string, std::string> configuration_variables;  // LEASEHOLD__A__B, whole

    // Commands that speak HTTP. Flags win over variables.
    std::string server;
    std::string key;  // env:NAME or file:PATH
    std::string ca_file;
    std::string tenant;
    std::chrono::milliseconds timeout{30000};                   // of one request
    std::chrono::milliseconds patience{std::chrono::hours(1)};  // of a command that waits for an operation

    bool json = false;
    bool quiet = false;

    std::function<std::optional<std::string>(const std::string&)> variable;  // of the environment
};

}  // namespace leasehold::cli
