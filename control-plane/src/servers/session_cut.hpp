#pragma once

#include "servers/catalog.hpp"

#include <chrono>

namespace leasehold::control_plane::servers {

// Ends every session of the named login chains on that database, logins in progress and roleless backends
// included; done when two looks in a row, 20 ms apart, found none. Returns how many were ended. Error:
// timeout cut_incomplete after `patience`.
int cut(
    session& maintenance,
    const std::string& database,
    const std::vector<std::string>& login_roles,
    std::chrono::milliseconds patience
);

// How many of them there are now (the same look as cut).
int count_sessions(
    session& maintenance, const std::string& database, const std::vector<std::string>& login_roles
);

// Rows of "pid". A superuser's and autovacuum's are left alone: they are not ours to end.
void terminate_each(session& maintenance, const std::vector<database::row>& pids);

}  // namespace leasehold::control_plane::servers
