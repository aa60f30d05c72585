#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace leasehold::router::relay::test {

// A client program, run with its output (both streams) in a file.
class command
{
public:
    explicit command(const std::vector<std::string>& arguments, const std::string& input = {});
    command(const command&) = delete;
    command& operator=(const command&) = delete;
    ~command();

    void interrupt() const;  // SIGINT, as ^C
    // Its exit status; a signal is 128 and its number. After `limit` it is ended, and the status is -1.
    int wait(std::chrono::milliseconds limit = std::chrono::seconds(60));
    [[nodiscard]] std::string output() const;

private:
    pid_t pid_ = -1;
    int output_ = -1;
    int status_ = -1;
};

}  // namespace leasehold::router::relay::test
