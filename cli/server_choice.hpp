#pragma once

#include "api.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace leasehold::cli {

// A server by name or id. Errors: not_found server_not_found.
nlohmann::json find_server(api& at, const std::string& named);

}  // namespace leasehold::cli
