#pragma once

#include <leasehold/base/error.hpp>

#include <string_view>

namespace leasehold::router::relay {

// Why something cannot be had: a value, since the relay does not throw. `code` is one of docs/errors.md and,
// like `message`, a constant.
struct refusal
{
    error_kind kind = error_kind::internal;
    std::string_view code = "internal";
    std::string_view message = "internal error";
};

namespace refusals {
inline constexpr refusal pool_timeout{
    error_kind::rate_limited, "pool_timeout", "no server connection became free in time"};
inline constexpr refusal server_lost{
    error_kind::unavailable, "server_lost", "the server connection was lost; the outcome is unknown"};
inline constexpr refusal session_revoked{
    error_kind::forbidden, "session_revoked", "the right to this session has ended"};
inline constexpr refusal lease_ended{
    error_kind::unavailable, "lease_ended", "the lease of this session has ended"};
inline constexpr refusal router_draining{
    error_kind::unavailable, "router_draining", "this router is stopping"};
inline constexpr refusal idle_in_transaction{
    error_kind::timeout, "idle_in_transaction", "idle in transaction for too long"};
inline constexpr refusal idle_session{error_kind::timeout, "idle_session", "idle for too long"};
inline constexpr refusal client_stalled{
    error_kind::timeout,
    "client_stalled",
    "the client stopped in the middle of a message or stopped reading"};
inline constexpr refusal protocol_violation{error_kind::protocol, "protocol_violation", "protocol violation"};
inline constexpr refusal server_unavailable{
    error_kind::unavailable, "server_unavailable", "the server cannot be reached at the moment"};
inline constexpr refusal lease_unavailable{
    error_kind::unavailable, "lease_unavailable", "no lease can be had at the moment"};
inline constexpr refusal client_limit{error_kind::rate_limited, "client_limit", "too many sessions"};
inline constexpr refusal query_cancelled{
    error_kind::timeout, "query_timeout", "canceling statement due to user request"};
inline constexpr refusal reply_too_large{
    error_kind::internal, "byte_budget", "the reply is larger than allowed"};
inline constexpr refusal internal{};
}  // namespace refusals

}  // namespace leasehold::router::relay
