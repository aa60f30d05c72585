#pragma once

#include "relay/verified_server.hpp"

#include <leasehold/router/wire/startup.hpp>
#include <leasehold/router/wire/violation.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

namespace leasehold::router {

// What a client's start-up message asks of its session, beside routing.
struct session_settings
{
    std::string tenant_option;               // leasehold.tenant
    std::optional<std::int64_t> min_schema;  // leasehold.min_schema
    bool session_mode = false;               // leasehold.pool_mode=session
    relay::parameter_set parameters;         // of PostgreSQL, white-listed
    std::size_t ignored = 0;                 // parameters nobody knows: counted
};

// Start-up parameters and `options`. An unknown `leasehold.*` and a malformed `options` are refused.
std::variant<session_settings, wire::violation> read_session_settings(const wire::startup_message& startup);

}  // namespace leasehold::router
