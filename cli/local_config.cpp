#include "local_config.hpp"

#include <leasehold/base/log.hpp>

#include <filesystem>
#include <utility>

namespace leasehold::cli {
namespace {

constexpr auto installed_file = "/etc/leasehold/leasehold.yaml";
constexpr auto development_file = "./leasehold.yaml";

}  // namespace

loaded_config load_local_config(const invocation& how)
{
    config_sources from;
    const auto named =
        how.config_file.empty() ? how.variable("LEASEHOLD_CONFIG").value_or("") : how.config_file;
    const bool is_here = how.development && std::filesystem::exists(development_file);
    from.file = is_here ? development_file : installed_file;
    if (!named.empty()) from.file = named;
    from.environment = how.configuration_variables;
    from.development = how.development;
    if (!how.log_level.empty()) from.flags["log.level"] = how.log_level;
    return load_config(from);
}

void refuse(std::vector<config_problem> problems)
{
    if (!problems.empty()) throw config_error(std::move(problems));
}

void configure_log(const log_config& from)
{
    auto least = log_level::info;
    if (from.level == "debug") least = log_level::debug;
    if (from.level == "warn") least = log_level::warn;
    if (from.level == "error") least = log_level::error;
    log::configure(least, from.format == "text" ? log::form::text : log::form::json);
}

}  // namespace leasehold::cli
