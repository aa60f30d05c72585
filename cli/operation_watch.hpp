#pragma once

#include "api.hpp"

#include <nlohmann/json_fwd.hpp>

namespace leasehold::cli {

// Follows an operation to its end and tells on stderr each step as it finishes, with its duration. Prints the
// operation as JSON with --json. The exit code: 0 succeeded; 1 failed or cancelled; 130 interrupted, while
// the operation goes on. An operation that waits for its grace is left to itself: 0.
int watch_operation(api& at, const invocation& how, nlohmann::json operation);

}  // namespace leasehold::cli
