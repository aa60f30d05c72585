#pragma once

#include <leasehold/base/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::vault_client {

// What a call to the broker came to when it did not succeed. Each has one kind and one code (facts_of).
enum class failure : std::uint8_t
{
    unreachable,    // before a byte of the request was sent: nothing happened
    answer_lost,    // after sending: it may have happened
    tls,            // unknown CA, wrong name, expired, or plain http where https is configured
    protocol,       // an answer that is not one
    role_unknown,   // 400 "unknown role"
    lease_gone,     // 400 "lease not found", renewal of an expired lease
    refused,        // any other 400, 405, 413
    conflict,       // check-and-set did not match
    login_refused,  // the credential of an identity is not accepted
    token_dead,     // 403, and lookup-self says 403 too
    denied,         // 403, and lookup-self says 200: a policy is missing
    forbidden,      // 403, not yet asked which of the two; leaves the broker only through vault_broker itself
    stale,          // 412, or 429 on a request that carried an index
    throttled,      // 429 otherwise
    server_busy,    // the PostgreSQL server behind: connection errors, 08xxx, 53300, 57P03
    server_fault,   // the PostgreSQL server behind: an operator's fault (42501, 2BP01, ...; not an allowed
                    // role)
    not_active,     // no leader, standby, read-only storage, 502, 504
    audit_blocked,
    sealed,
    uninitialised,
    unusable,  // 472, 473, 530: a node of Vault Enterprise that serves nobody
    namespace_gone,
    redirect_refused,  // 307 to a node that is not listed: the token was not sent
    mixed,             // two brokers behind one list of nodes
    token_unsuitable,  // batch or counted token
    wrong_tenant,      // a login that does not begin lease_<role>_
    busy,              // our own queue is full
    timeout,           // our own patience ended
    paused,            // after lost answers or refused leases this (tenant, class) waits a while
    retired,           // the tenant's leases were ended by us: suspend, move, delete
    role_refused,      // a role class that this process may never ask for
    stopping,          // this process is ending
};

struct failure_facts
{
    failure what;
    std::string_view name;  // label `outcome` of metrics
    error_kind kind;
    std::string_view code;    // docs/errors.md
    std::string_view detail;  // what the caller may read
};
const failure_facts& facts_of(failure what) noexcept;

// Everything that is known about one failed call. `broker_text` (what the broker said, redacted, at most 1
// KiB) appears in what() only.
struct failure_report
{
    failure_report() = default;
    explicit failure_report(failure cause) : what(cause) {}

    failure what = failure::protocol;
    int status = 0;             // 0: no answer
    bool request_sent = false;  // at least one byte of the request left this process
    std::optional<std::chrono::milliseconds> retry_after;
    std::string sqlstate;  // of the PostgreSQL server behind, when the broker told it
    std::string request_id;
    std::string node;  // scheme://host:port
    std::string path;  // of the call; carries no secret
    std::string broker_text;
};

// Errors of this module. code() and kind() follow from the failure.
class error : public leasehold::error
{
public:
    explicit error(failure_report report);
    explicit error(failure what) : error(failure_report(what)) {}
    error(failure what, std::string internal);  // `internal`: for what()

    [[nodiscard]] failure cause() const noexcept { return report_.what; }
    [[nodiscard]] int status() const noexcept { return report_.status; }
    [[nodiscard]] bool request_sent() const noexcept { return report_.request_sent; }
    [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after() const noexcept
    {
        return report_.retry_after;
    }
    [[nodiscard]] const std::string& sqlstate() const noexcept { return report_.sqlstate; }
    [[nodiscard]] const std::string& request_id() const noexcept { return report_.request_id; }
    [[nodiscard]] const std::string& node() const noexcept { return report_.node; }
    [[nodiscard]] const std::string& path() const noexcept { return report_.path; }
    [[nodiscard]] const failure_report& report() const noexcept { return report_; }

private:
    failure_report report_;
};

}  // namespace leasehold::vault_client
