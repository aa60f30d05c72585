#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/router/wire/message_writer.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace leasehold::router::wire {

enum class severity : std::uint8_t
{
    fatal,             // always, and the connection ends
    error,             // in the session; FATAL during login like everything there
    error_in_session,  // the same to a client that is admitted; kept apart because login may meet it too
};

// One code the router itself says to PostgreSQL clients. SQLSTATEs are in base's table.
struct error_row
{
    std::string_view code;
    error_kind kind;
    severity how;
    std::string_view message;  // M, when the caller has nothing better
    std::string_view hint;     // H, when the caller has nothing better; may be empty
};

inline constexpr std::array error_rows{
    error_row{
        "auth_failed",
        error_kind::unauthenticated,
        severity::fatal,
        "authentication failed",
        "Check tenant, user and key; the operator finds the request id in the router's log."},
    error_row{
        "key_expired",
        error_kind::unauthenticated,
        severity::fatal,
        "this key has ended",
        "Ask for a new key."},
    error_row{
        "key_revoked",
        error_kind::unauthenticated,
        severity::fatal,
        "this key was revoked",
        "Ask for a new key."},
    error_row{
        "route_key_conflict",
        error_kind::forbidden,
        severity::fatal,
        "a name in this connection does not belong to the credential's tenant",
        ""},
    error_row{
        "tls_required",
        error_kind::forbidden,
        severity::fatal,
        "this listener requires TLS",
        "Set sslmode=verify-full."},
    error_row{
        "network_refused",
        error_kind::forbidden,
        severity::fatal,
        "this address may not use the tenant's database",
        ""},
    error_row{
        "role_class_refused",
        error_kind::forbidden,
        severity::fatal,
        "the credential does not allow this class",
        ""},
    error_row{
        "database_unknown",
        error_kind::not_found,
        severity::fatal,
        "there is no such database for this credential",
        "Use the tenant's slug, its t_<tid> form or its database name."},
    error_row{
        "tenant_suspended",
        error_kind::unavailable,
        severity::fatal,
        "the tenant is suspended",
        "Contact the operator of this installation."},
    error_row{
        "tenant_not_ready",
        error_kind::unavailable,
        severity::fatal,
        "the tenant is not ready",
        "Wait until provisioning has ended."},
    error_row{
        "tenant_moving", error_kind::unavailable, severity::fatal, "the tenant is being moved", "Try again."},
    error_row{
        "tenant_schema_behind",
        error_kind::unavailable,
        severity::fatal,
        "the tenant's schema is older than this client needs",
        "Try again after the migration."},
    error_row{
        "directory_loading",
        error_kind::unavailable,
        severity::fatal,
        "the router is still starting",
        "Try again."},
    error_row{
        "directory_stale",
        error_kind::unavailable,
        severity::fatal,
        "the router's directory is out of date",
        "Try again."},
    error_row{
        "lease_unavailable",
        error_kind::unavailable,
        severity::error,
        "no credential for the tenant's database can be had at the moment",
        "Try again."},
    error_row{
        "server_unavailable",
        error_kind::unavailable,
        severity::error,
        "the tenant's database server cannot be reached at the moment",
        "Try again."},
    error_row{
        "placement_mismatch",
        error_kind::internal,
        severity::fatal,
        "the tenant's placement leads to another database",
        "The operator was told."},
    error_row{
        "placement_stale",
        error_kind::unavailable,
        severity::fatal,
        "the tenant's placement has changed",
        "Try again."},
    error_row{
        "client_limit", error_kind::rate_limited, severity::fatal, "too many clients of this router", ""},
    error_row{
        "tenant_client_limit",
        error_kind::rate_limited,
        severity::fatal,
        "too many clients of this tenant",
        ""},
    error_row{
        "login_throttled",
        error_kind::rate_limited,
        severity::fatal,
        "too many failed logins",
        "Try again in a minute."},
    error_row{
        "pool_timeout",
        error_kind::rate_limited,
        severity::error,
        "no server connection became free in time",
        ""},
    error_row{
        "query_timeout",
        error_kind::timeout,
        severity::error,
        "the query ran longer than the tenant's limit",
        "The limit is the tenant's setting query_timeout."},
    error_row{
        "transaction_timeout",
        error_kind::timeout,
        severity::fatal,
        "the transaction ran longer than the tenant's limit",
        "The limit is the tenant's setting transaction_timeout."},
    error_row{
        "idle_in_transaction",
        error_kind::timeout,
        severity::fatal,
        "the transaction was idle longer than the tenant's limit",
        "The limit is the tenant's setting idle_in_transaction_timeout."},
    error_row{
        "idle_session",
        error_kind::timeout,
        severity::fatal,
        "the session was idle longer than the tenant's limit",
        "The limit is the tenant's setting idle_timeout."},
    error_row{
        "client_stalled",
        error_kind::timeout,
        severity::fatal,
        "a message that was begun did not arrive, or replies were not read, in time",
        ""},
    error_row{"byte_budget", error_kind::rate_limited, severity::error, "too many bytes are waiting", ""},
    error_row{
        "statement_too_large",
        error_kind::invalid,
        severity::error,
        "the statement is too large to prepare",
        ""},
    error_row{
        "statement_limit", error_kind::rate_limited, severity::error, "too many prepared statements", ""},
    error_row{
        "session_feature_refused",
        error_kind::forbidden,
        severity::error,
        "this feature of a session is not available in transaction mode",
        "Use session mode."},
    error_row{
        "server_lost",
        error_kind::unavailable,
        severity::fatal,
        "the connection to the database server was lost",
        "Whether the last transaction was committed is unknown."},
    error_row{"protocol_violation", error_kind::protocol, severity::fatal, "protocol violation", ""},
    error_row{"protocol_unsupported", error_kind::protocol, severity::fatal, "not supported", ""},
    error_row{
        "session_revoked",
        error_kind::forbidden,
        severity::fatal,
        "the session was ended by the platform",
        ""},
    error_row{
        "lease_ended",
        error_kind::unavailable,
        severity::fatal,
        "the session's lease has ended",
        "Reconnect."},
    error_row{
        "session_moved", error_kind::unavailable, severity::fatal, "the tenant was moved", "Reconnect."},
    error_row{
        "router_draining", error_kind::unavailable, severity::fatal, "the router is stopping", "Reconnect."},
    error_row{
        "internal",
        error_kind::internal,
        severity::fatal,
        "internal error of the router",
        "Give the request id to the operator."},
};

// Null for a code that is not in the table.
[[nodiscard]] const error_row* find_error_row(std::string_view code) noexcept;

enum class error_phase : std::uint8_t
{
    login,
    session
};
// Before the first ReadyForQuery everything is FATAL; codes outside the table are FATAL too.
[[nodiscard]] bool is_fatal(std::string_view code, error_phase when) noexcept;

struct router_error
{
    std::string_view code;
    error_phase when = error_phase::login;
    std::string_view message{};     // empty: the row's
    std::string_view hint{};        // empty: the row's
    std::string_view request_id{};  // empty: left out of DETAIL
    std::string_view router_id{};
    bool force_fatal = false;  // ERROR rows whose batch cannot go on
};

// ErrorResponse with S, V, C, M, D "code=… request=… router=…" and H. Says whether it was FATAL.
bool write_error(message_writer& to, const router_error& what);
// NoticeResponse (severity WARNING, SQLSTATE 01000) in the same form: `lease_ending`.
void write_notice(message_writer& to, const router_error& what);

}  // namespace leasehold::router::wire
