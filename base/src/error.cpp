#include <leasehold/base/error.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold {
namespace {

// Exit codes follow sysexits.h (65 EX_DATAERR … 78 EX_CONFIG) where it names the case.
constexpr std::array<kind_facts, 11> kinds{{
    {error_kind::invalid, "invalid", 422, "22023", 65, log_level::info, false},
    {error_kind::unauthenticated, "unauthenticated", 401, "28P01", 67, log_level::warn, false},
    {error_kind::forbidden, "forbidden", 403, "42501", 77, log_level::warn, false},
    {error_kind::not_found, "not_found", 404, "3D000", 66, log_level::info, false},
    {error_kind::conflict, "conflict", 409, "55000", 73, log_level::info, false},
    {error_kind::rate_limited, "rate_limited", 429, "53300", 75, log_level::warn, true},
    {error_kind::unavailable, "unavailable", 503, "57P03", 69, log_level::warn, true},
    {error_kind::timeout, "timeout", 504, "57014", 74, log_level::warn, true},
    {error_kind::unlicensed, "unlicensed", 402, "42501", 78, log_level::warn, false},
    {error_kind::protocol, "protocol", 400, "08P01", 76, log_level::warn, false},
    {error_kind::internal, "internal", 500, "XX000", 70, log_level::error, false},
}};

struct code_row
{
    std::string_view code;
    int http_status;            // 0: its kind's
    std::string_view sqlstate;  // empty: its kind's
    int exit_code;              // 0: its kind's
};

// Codes with a status of their own: HTTP's own words, and the SQLSTATEs a PostgreSQL client acts on.
constexpr std::array codes{
    code_row{"method_not_allowed", 405, "", 0},
    code_row{"precondition_failed", 412, "", 0},
    code_row{"body_too_large", 413, "", 0},
    code_row{"media_type", 415, "", 0},
    code_row{"precondition_required", 428, "", 0},
    code_row{"config_invalid", 0, "", 78},
    code_row{"hmac_key_mismatch", 0, "", 78},
    code_row{"bootstrap_file_exists", 0, "", 78},
    code_row{"usage", 0, "", 2},
    code_row{"secret_on_command_line", 0, "", 2},
    code_row{"secret_needs_out", 0, "", 2},
    code_row{"key_not_a_reference", 0, "", 2},
    code_row{"key_missing", 0, "", 2},
    code_row{"server_not_https", 0, "", 2},
    code_row{"auth_failed", 0, "28P01", 0},
    code_row{"key_expired", 0, "28000", 0},
    code_row{"key_revoked", 0, "28000", 0},
    code_row{"route_key_conflict", 0, "28000", 0},
    code_row{"tls_required", 0, "28000", 0},
    code_row{"network_refused", 0, "28000", 0},
    code_row{"role_class_refused", 0, "42501", 0},
    code_row{"database_unknown", 0, "3D000", 0},
    code_row{"tenant_suspended", 0, "57P03", 0},
    code_row{"tenant_not_ready", 0, "57P03", 0},
    code_row{"placement_mismatch", 0, "58000", 0},
    code_row{"placement_stale", 0, "57P03", 0},
    code_row{"client_limit", 0, "53300", 0},
    code_row{"tenant_client_limit", 0, "53300", 0},
    code_row{"pool_timeout", 0, "53300", 0},
    code_row{"query_timeout", 0, "57014", 0},
    code_row{"transaction_timeout", 0, "25P04", 0},
    code_row{"idle_in_transaction", 0, "25P03", 0},
    code_row{"idle_session", 0, "57P05", 0},
    code_row{"client_stalled", 0, "57P05", 0},
    code_row{"byte_budget", 0, "53200", 0},
    code_row{"statement_too_large", 0, "54000", 0},
    code_row{"statement_limit", 0, "53400", 0},
    code_row{"session_feature_refused", 0, "0A000", 0},
    code_row{"server_lost", 0, "08006", 0},
    code_row{"protocol_unsupported", 0, "0A000", 0},
    code_row{"session_revoked", 0, "57P01", 0},
    code_row{"lease_ended", 0, "57P01", 0},
    code_row{"session_moved", 0, "57P01", 0},
    code_row{"router_draining", 0, "57P01", 0},
};

const code_row* find_code(std::string_view code) noexcept
{
    const auto* row =
        std::find_if(codes.begin(), codes.end(), [&](const code_row& r) { return r.code == code; });
    return row == codes.end() ? nullptr : row;
}

}  // namespace

const kind_facts& facts_of(error_kind kind) noexcept
{
    return kinds[static_cast<std::size_t>(kind)];
}

int http_status_of(error_kind kind, std::string_view code) noexcept
{
    const auto* row = find_code(code);
    return row != nullptr && row->http_status != 0 ? row->http_status : facts_of(kind).http_status;
}

std::string_view sqlstate_of(error_kind kind, std::string_view code) noexcept
{
    const auto* row = find_code(code);
    return row != nullptr && !row->sqlstate.empty() ? row->sqlstate : facts_of(kind).sqlstate;
}

int exit_code_of(error_kind kind, std::string_view code) noexcept
{
    const auto* row = find_code(code);
    return row != nullptr && row->exit_code != 0 ? row->exit_code : facts_of(kind).exit_code;
}

error::error(error_kind kind, std::string code, std::string detail, std::string internal)
    : kind_(kind)
    , code_(std::move(code))
    , detail_(std::move(detail))
{
    what_ = code_ + ": " + detail_;
    if (!internal.empty()) what_ += " (" + internal + ")";
}

}  // namespace leasehold
