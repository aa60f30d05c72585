#include "program.hpp"

#include <leasehold/base/file.hpp>

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace leasehold::test {

program::program(
    const std::filesystem::path& binary,
    std::vector<std::string> arguments,
    std::map<std::string, std::string> variables,
    const std::string& input
)
{
    std::ofstream(folder_ / "in") << input;
    std::vector<std::string> environment;
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string entry(*one);
        if (entry.rfind("LEASEHOLD_", 0) != 0 && entry.rfind("BAO_", 0) != 0) environment.push_back(entry);
    }
    for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
    arguments.insert(arguments.begin(), binary.string());
    std::vector<char*> argv;
    for (auto& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    std::vector<char*> envp;
    for (auto& one : environment) envp.push_back(one.data());
    envp.push_back(nullptr);

    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 0, (folder_ / "in").c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, (folder_ / "out").c_str(), O_WRONLY | O_CREAT, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, (folder_ / "err").c_str(), O_WRONLY | O_CREAT, 0600);
    const int failed = ::posix_spawn(&pid_, binary.c_str(), &files, nullptr, argv.data(), envp.data());
    ::posix_spawn_file_actions_destroy(&files);
    if (failed != 0) throw std::runtime_error("cannot start " + binary.string());
}

program::~program()
{
    if (!is_running()) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

bool program::is_running()
{
    if (!has_ended_) has_ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    return !has_ended_;
}

void program::signal(int number) const
{
    ::kill(pid_, number);
}

std::string program::err() const
{
    return load_file(folder_ / "err");
}

ended program::wait()
{
    if (!has_ended_) {
        ::waitpid(pid_, &status_, 0);
        has_ended_ = true;
    }
    ended how;
    how.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    how.left_core = WIFSIGNALED(status_) && WCOREDUMP(status_);
    how.out = load_file(folder_ / "out");
    how.err = load_file(folder_ / "err");
    return how;
}

ended leasehold(
    std::vector<std::string> arguments, std::map<std::string, std::string> variables, const std::string& input
)
{
    return program(LEASEHOLD_BINARY, std::move(arguments), std::move(variables), input).wait();
}

}  // namespace leasehold::test
