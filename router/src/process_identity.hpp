#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

namespace leasehold::router {

// A process by which another one of the same machine can tell later whether it still runs. Process ids are
// given again, so the instant of its start belongs to it.
struct process_identity
{
    std::string machine;  // this boot and this space of process ids
    std::string process;  // id and start
};

// Of a process of this machine; absent where the system does not say.
std::optional<process_identity> identify(pid_t process);
// Of one whose machine is this one. True only if it is certain that it is gone.
bool has_ended(const std::string& process);

}  // namespace leasehold::router
