#pragma once

#include "operations/facilities.hpp"

namespace leasehold::control_plane::operations {

constexpr std::chrono::hours preflight_interval{24};      // a server is looked over this often
constexpr std::chrono::hours preflight_validity{7 * 24};  // no tenant is placed on the word of an older one

bool is_preflight_older(const registry::server& at, std::chrono::hours than, wall_time now);

// Looks a server over again and stores what was found: offline while a refusing finding stands that was not
// accepted. Errors: unavailable server_unavailable, broker_*; then what was known stays.
task<void> preflight_server(facilities& with, registry::principal who, registry::server at);

}  // namespace leasehold::control_plane::operations
