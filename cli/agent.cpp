#include "command.hpp"
#include "failure.hpp"
#include "local_config.hpp"

#include <leasehold/agent/agent.hpp>

namespace leasehold::cli {
namespace {

log_config log_of(const invocation& how)
{
    log_config log;
    if (how.log_level.empty()) return log;
    for (const auto* level : {"debug", "info", "warn", "error"}) {
        if (how.log_level == level) log.level = level;
    }
    if (log.level != how.log_level)
        throw usage_error("--log-level " + how.log_level + " is none of debug, info, warn, error");
    return log;
}

}  // namespace

// The agent of one host.
void declare_agent(command& at, const invocation& how)
{
    const auto options = std::make_shared<agent::agent_options>();
    at.flag("--once", options->once, "enroll if needed, send all there is, end");
    at.flag("--status", options->status, "print state and spool, end");
    at.runs([&how, options] {
        configure_log(log_of(how));
        const auto file =
            how.config_file.empty() ? std::string("/etc/leasehold/agent.yaml") : how.config_file;
        agent::run_agent(agent::load_agent_config(file), *options);
        return 0;
    });
}

}  // namespace leasehold::cli
