#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace leasehold {

// Whose fault it is and what may be done about it. The one table behind it (error.cpp) gives every outward
// form: HTTP status, SQLSTATE, exit code, log level, whether to try again, and the label in metrics.
enum class error_kind : std::uint8_t
{
    invalid,          // the caller's input
    unauthenticated,  // no credential, or one that does not verify
    forbidden,        // a verified caller who may not
    not_found,
    conflict,      // the present state does not allow it
    rate_limited,  // too much at once: come back later
    unavailable,   // a dependency is away
    timeout,
    unlicensed,
    protocol,  // a peer that breaks its protocol
    internal,  // a fault of ours, or of the installation
};

enum class log_level : std::uint8_t
{
    debug,
    info,
    warn,
    error
};

struct kind_facts
{
    error_kind kind;
    std::string_view name;  // label in metrics, field in logs
    int http_status;
    std::string_view sqlstate;
    int exit_code;  // of sysexits.h where it has one
    log_level level;
    bool retryable;
};

const kind_facts& facts_of(error_kind kind) noexcept;

// The status of one code: its own row where it has one (405, 412, 413, 415, 428, and the SQLSTATEs of the
// router), else that of its kind.
int http_status_of(error_kind kind, std::string_view code) noexcept;
std::string_view sqlstate_of(error_kind kind, std::string_view code) noexcept;
int exit_code_of(error_kind kind, std::string_view code) noexcept;

// What cannot be done, and why. `code` is stable and documented in docs/errors.md.
// detail() may be shown to the caller; what() is for the log and may say more, but never a secret.
class error : public std::exception
{
public:
    error(error_kind kind, std::string code, std::string detail, std::string internal = {});

    [[nodiscard]] error_kind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string& code() const noexcept { return code_; }
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

private:
    error_kind kind_;
    std::string code_;
    std::string detail_;
    std::string what_;
};

}  // namespace leasehold
