#include "identity.hpp"
#include "session.hpp"
#include "spool.hpp"

#include <leasehold/agent/agent.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace leasehold::agent {
namespace {

bool is_running(const std::filesystem::path& state_dir)
{
    const int lock = ::open((state_dir / "lock").c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) return false;
    const bool is_held = ::flock(lock, LOCK_EX | LOCK_NB) != 0;
    ::close(lock);
    return is_held;
}

// Looks from outside: opening the spool would cut what a running agent is just writing.
void print_status(const agent_config& config)
{
    const auto& folder = config.security.state_dir;
    nlohmann::json status;
    status["running"] = is_running(folder);
    status["server"] = config.server.url;
    const auto who = load_identity(folder / "identity.json");
    status["enrolled"] = who && who->is_enrolled();
    if (who && who->is_enrolled()) {
        status["host_id"] = who->host->to_string();
        status["tenant"] = who->tenant;
        status["state"] = who->state;
        status["generation"] = who->generation;
        status["expires_at"] = to_rfc3339(who->expires_at);
    }
    std::uintmax_t bytes = 0;
    std::size_t segments = 0;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "spool", failed)) {
        const auto size = entry.file_size(failed);
        if (failed) continue;
        bytes += size;
        ++segments;
    }
    status["spool"]["bytes"] = bytes;
    status["spool"]["segments"] = segments;
    std::cout << status.dump(2) << std::endl;
}

}  // namespace

void run_agent(agent_config config, const agent_options& how)
{
    if (how.status) return print_status(config);

    std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write(), as a full disk is
    asio::io_context loop(1);
    session life(loop, config, how.once);
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    signals.async_wait([&](boost::system::error_code failed, int) {
        if (!failed) life.stop();
    });
    const std::stop_callback stopped(how.stop, [&] { asio::post(loop, [&] { life.stop(); }); });

    std::exception_ptr ended_by;
    asio::co_spawn(loop, life.live(), [&](std::exception_ptr why) {
        ended_by = std::move(why);
        life.stop();
        signals.cancel();
    });
    spawn(loop, "agent.sync", life.keep_synced());
    loop.run();
    if (ended_by) std::rethrow_exception(ended_by);
}

}  // namespace leasehold::agent
