#include "command.hpp"

#include <leasehold/agent/agent.hpp>

namespace leasehold::cli {

// The agent of one host.
void declare_agent(command& at, const invocation& how)
{
    const auto options = std::make_shared<agent::agent_options>();
    at.flag("--once", options->once, "enroll if needed, send all there is, end");
    at.flag("--status", options->status, "print state and spool, end");
    at.runs([&how, options] {
        const auto file =
            how.config_file.empty() ? std::string("/etc/leasehold/agent.yaml") : how.config_file;
        agent::run_agent(agent::load_agent_config(file), *options);
        return 0;
    });
}

}  // namespace leasehold::cli
