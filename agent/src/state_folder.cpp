#include "state_folder.hpp"

#include <leasehold/base/error.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace leasehold::agent {

state_folder::state_folder(std::filesystem::path at) : at_(std::move(at))
{
    std::error_code failed;
    std::filesystem::create_directories(at_, failed);
    const bool is_ours = !failed && ::chmod(at_.c_str(), 0700) == 0;
    const auto lock_file = file("lock");
    if (is_ours) lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_ < 0) {
        const auto reason = failed ? failed.message() : std::generic_category().message(errno);
        throw error(error_kind::unavailable, "state_unusable", at_.string() + " cannot be used: " + reason);
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock_);
        throw error(error_kind::conflict, "already_running", "another agent uses " + at_.string());
    }
}

state_folder::~state_folder()
{
    ::close(lock_);
}

}  // namespace leasehold::agent
