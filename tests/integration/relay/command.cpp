#include "command.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace leasehold::router::relay::test {
namespace {

int memory_file(const std::string& content)
{
    const int made = ::memfd_create("command", 0);
    if (made < 0 || ::write(made, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
        throw std::runtime_error("no memory file");
    }
    ::lseek(made, 0, SEEK_SET);
    return made;
}

}  // namespace

command::command(const std::vector<std::string>& arguments, const std::string& input)
    : output_(memory_file(""))
{
    std::vector<char*> argv;
    for (const auto& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    const int stdin_file = memory_file(input);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, stdin_file, 0);
    ::posix_spawn_file_actions_adddup2(&files, output_, 1);
    ::posix_spawn_file_actions_adddup2(&files, output_, 2);
    const int failed = ::posix_spawn(&pid_, argv.front(), &files, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::close(stdin_file);
    if (failed != 0) throw std::runtime_error("cannot run " + arguments.front());
}

command::~command()
{
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
}

void command::interrupt() const
{
    ::kill(pid_, SIGINT);
}

int command::wait(std::chrono::milliseconds limit)
{
    const auto until = std::chrono::steady_clock::now() + limit;
    int status = 0;
    while (pid_ > 0) {
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (std::chrono::steady_clock::now() > until) {
            ::kill(pid_, SIGKILL);
            ::waitpid(std::exchange(pid_, -1), nullptr, 0);
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    return status_;
}

std::string command::output() const
{
    std::string all;
    std::array<char, 4096> buffer{};
    off_t at = 0;
    for (ssize_t count = 0; (count = ::pread(output_, buffer.data(), buffer.size(), at)) > 0; at += count) {
        all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
}

}  // namespace leasehold::router::relay::test
