#pragma once

#include "servers/catalog.hpp"

#include <chrono>

namespace leasehold::control_plane::servers {

// What the sweeper finds and ends: lease logins past their end, NOLOGIN ones, sessions without role.
struct sweep_counts
{
    int expired_dropped = 0;
    int blocked_dropped = 0;
    int sessions_ended = 0;
    std::vector<std::string> still_blocked;
};
sweep_counts sweep(session& maintenance, const open_inside& open_database, std::chrono::seconds expired_for);

}  // namespace leasehold::control_plane::servers
