#pragma once

#include <csignal>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace leasehold::test {

// A process that does nothing until it is killed. Gone at the end.
class child_process
{
public:
    child_process()
    {
        char name[] = "sleep";
        char span[] = "600";
        char* const words[] = {name, span, nullptr};
        if (::posix_spawnp(&id_, name, nullptr, nullptr, words, nullptr) != 0)
            throw std::runtime_error("no process could be started");
    }
    ~child_process()
    {
        kill();
        reap();
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    [[nodiscard]] pid_t id() const noexcept { return id_; }
    // -9. Its parent may not have noticed: see reap().
    void kill()
    {
        if (is_reaped_) return;
        ::kill(id_, SIGKILL);
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(id_), &ended, WEXITED | WNOWAIT);
    }
    void reap()
    {
        if (!is_reaped_) ::waitpid(id_, nullptr, 0);
        is_reaped_ = true;
    }

private:
    pid_t id_ = 0;
    bool is_reaped_ = false;
};

}  // namespace leasehold::test
