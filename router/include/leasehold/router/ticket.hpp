#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/ids.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::router {

// The right to one short session in one tenant's database, given by the control plane to itself after it has
// authorised a request. On the PostgreSQL listener: user name "ticket", password = the sealed text, TLS (or a
// loopback or Unix-socket peer where the listener has no TLS). Its session is of origin platform: no client
// ever shares its server connection.
struct ticket
{
    static constexpr std::chrono::seconds longest{60};

    tenant_id tenant;
    role_class role = role_class::ro;  // rw or ro
    std::string principal;             // "key:<id>", "user:<id>": for the audit trail and the log
    std::string request_id;
    wall_time ends_at;  // of the right to log in, and of the session
};

// lh_ticket_<base64url of the fields>.<base64url HMAC-SHA-256 under subkey "ticket">. Any thread.
secret<std::string> seal_ticket(const ticket& what, const hmac_keys& keys);
// Empty when it is none of ours, has ended, or would live longer than `longest` from now.
std::optional<ticket> open_ticket(std::string_view text, const hmac_keys& keys, wall_time now);

}  // namespace leasehold::router
