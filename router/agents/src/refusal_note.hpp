#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/http/context.hpp>
#include <leasehold/router/agents/ports.hpp>

namespace leasehold::router::agents {

// Tells the router's log that somebody was not let through. Of other failures (a malformed body, a database
// that is away) it says nothing: the access line has them.
void note_refusal(gateway_ports& ports, const http::context& ctx, const error& why);

}  // namespace leasehold::router::agents
