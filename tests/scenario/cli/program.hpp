#pragma once

#include "scratch_folder.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace leasehold::test {

struct ended
{
    int exit_code = -1;  // 128 + signal where one ended it
    std::string out;
    std::string err;
    bool left_core = false;
};

// A program as its users run it: a process with pipes for nobody, its output in files. Gone at the end,
// whatever happens.
class program
{
public:
    program(
        const std::filesystem::path& binary,
        std::vector<std::string> arguments,
        std::map<std::string, std::string> variables = {},
        const std::string& input = {}
    );
    ~program();
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    ended wait();
    void signal(int number) const;
    [[nodiscard]] bool is_running();
    [[nodiscard]] std::string err() const;
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

private:
    scratch_folder folder_;
    pid_t pid_ = 0;
    int status_ = -1;
    bool has_ended_ = false;
};

// `leasehold` of this build, to its end.
ended leasehold(
    std::vector<std::string> arguments,
    std::map<std::string, std::string> variables = {},
    const std::string& input = {}
);

}  // namespace leasehold::test
