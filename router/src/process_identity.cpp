#include "process_identity.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <sstream>

namespace leasehold::router {
namespace {

struct process_state
{
    char state = '?';  // Z, X: it has ended, and its parent has not asked yet
    std::string started;
};

// From /proc/<pid>/stat: "pid (name) state ppid …", the start is field 22. The name may hold anything.
std::optional<process_state> look_at(pid_t id)
{
    std::string text;
    try {
        text = load_file(fmt::format("/proc/{}/stat", id));
    } catch (const error&) {
        return std::nullopt;
    }
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(text.substr(name_end + 1));
    process_state found;
    rest >> found.state;
    for (int field = 4; field <= 22; ++field) rest >> found.started;
    if (!rest) return std::nullopt;
    return found;
}

std::string first_line(const std::string& text)
{
    return text.substr(0, text.find('\n'));
}

}  // namespace

std::optional<process_identity> identify(pid_t process)
{
    const auto seen = look_at(process);
    std::error_code failed;
    const auto ids = std::filesystem::read_symlink("/proc/self/ns/pid", failed);
    if (!seen || failed) return std::nullopt;
    try {
        process_identity made;
        made.machine = first_line(load_file("/proc/sys/kernel/random/boot_id")) + " " + ids.string();
        made.process = fmt::format("{} {}", process, seen->started);
        return made;
    } catch (const error&) {
        return std::nullopt;
    }
}

bool has_ended(const std::string& process)
{
    std::istringstream parts(process);
    pid_t id = 0;
    std::string started;
    if (!(parts >> id >> started) || id <= 0) return false;
    if (::kill(id, 0) != 0 && errno == ESRCH) return true;
    const auto now = look_at(id);
    if (!now) return false;  // somebody has this id, and we may not look at it
    return now->started != started || now->state == 'Z' || now->state == 'X';
}

}  // namespace leasehold::router
