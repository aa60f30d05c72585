#pragma once

#include <csignal>

namespace leasehold::cli {

// SIGTERM, SIGINT and SIGHUP wait for next() instead of interrupting anybody. Made before the first thread,
// which inherit it.
class stop_signals
{
public:
    stop_signals()
    {
        ::sigemptyset(&set_);
        for (const int one : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, one);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
    }
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    [[nodiscard]] int next() const
    {
        int got = 0;
        while (::sigwait(&set_, &got) != 0) {
        }
        return got;
    }
    // From here on a second signal ends the process at once: for whoever does not want to wait for the drain.
    void let_through() const { ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

private:
    sigset_t set_{};
};

}  // namespace leasehold::cli
