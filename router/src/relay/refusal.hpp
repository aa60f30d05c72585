#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/router/wire/error_response.hpp>

#include <stdexcept>
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

// As the table of wire::error_rows has it; a code that is not there does not compile.
consteval refusal refusal_of(std::string_view code)
{
    for (const auto& row : wire::error_rows) {
        if (row.code == code) return {row.kind, row.code, row.message};
    }
    throw std::logic_error("no such code");
}

namespace refusals {
inline constexpr auto pool_timeout = refusal_of("pool_timeout");
inline constexpr auto server_lost = refusal_of("server_lost");
inline constexpr auto session_revoked = refusal_of("session_revoked");
inline constexpr auto lease_ended = refusal_of("lease_ended");
inline constexpr auto router_draining = refusal_of("router_draining");
inline constexpr auto idle_in_transaction = refusal_of("idle_in_transaction");
inline constexpr auto idle_session = refusal_of("idle_session");
inline constexpr auto client_stalled = refusal_of("client_stalled");
inline constexpr auto protocol_violation = refusal_of("protocol_violation");
inline constexpr auto server_unavailable = refusal_of("server_unavailable");
inline constexpr auto lease_unavailable = refusal_of("lease_unavailable");
inline constexpr auto client_limit = refusal_of("client_limit");
inline constexpr auto tenant_client_limit = refusal_of("tenant_client_limit");
inline constexpr auto placement_mismatch = refusal_of("placement_mismatch");
inline constexpr auto placement_stale = refusal_of("placement_stale");
inline constexpr auto tenant_suspended = refusal_of("tenant_suspended");
inline constexpr auto tenant_not_ready = refusal_of("tenant_not_ready");
inline constexpr auto tenant_moving = refusal_of("tenant_moving");
inline constexpr auto directory_loading = refusal_of("directory_loading");
inline constexpr auto internal = refusal_of("internal");
// As PostgreSQL words it.
inline constexpr refusal query_cancelled{
    error_kind::timeout, "query_timeout", "canceling statement due to user request"};
// Of a call of our own: nobody else can read it faster.
inline constexpr refusal reply_too_large{
    error_kind::internal, "byte_budget", "the reply is larger than allowed"};
}  // namespace refusals

}  // namespace leasehold::router::relay
