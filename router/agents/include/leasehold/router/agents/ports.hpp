#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/base/task.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the agent gateway needs of the router. Everything here is used on one front lane, the one of
// context().
namespace leasehold::router::agents {

// -- the directory --

struct tenant_facts
{
    tenant_id id;
    std::string tid;
    std::string slug;
    std::string name;
    std::string state;  // provisioning, active, suspended, moving, deleting, failed
    bool is_paused = false;
    bool has_placement = false;
    std::int64_t schema_version = 0;  // of the tenant chain; 0: unknown
    std::optional<std::int64_t> max_hosts;
    std::optional<std::int64_t> heartbeat_days;  // how long heartbeats are kept
};

struct host_facts
{
    host_id id;
    tenant_id tenant;
    std::string name;
    std::string state;  // enrolling, pending, active, locked, revoked
    std::int64_t generation = 0;
    std::string public_key;  // raw, 32 bytes; empty: none yet
    std::string credential_hmac;
    std::optional<wall_time> credential_expires_at;
    std::string next_hmac;
    std::optional<wall_time> next_expires_at;
    std::string previous_hmac;
    std::optional<wall_time> promoted_at;
    std::optional<wall_time> confirmed_at;
};

// A name beside the credential (Host, SNI). `is_key` false: it says nothing (an IP literal, the router's own
// name). A key without tenant is a name of nobody: refuse it as a conflict.
struct named_tenant
{
    bool is_key = false;
    std::optional<tenant_id> tenant;
};

class route_lookup
{
public:
    virtual ~route_lookup() = default;
    [[nodiscard]] virtual std::optional<tenant_facts> find_tenant(const tenant_id& id) const = 0;
    [[nodiscard]] virtual std::optional<host_facts> find_host(const host_id& id) const = 0;
    // Whose token it is. Whether it is good is for enrollment_registry::redeem to say.
    [[nodiscard]] virtual std::optional<tenant_id> find_token(const token_id& id) const = 0;
    [[nodiscard]] virtual named_tenant find_name(std::string_view host_or_sni) const = 0;
    [[nodiscard]] virtual bool is_loaded() const = 0;  // false: 503 directory_loading
    // The feed is silent for more than 5 s: what is not found may be newer than our knowledge (503
    // directory_stale).
    [[nodiscard]] virtual bool is_stale() const = 0;
    [[nodiscard]] virtual license_state license() const = 0;
    // What a license allows: hosts of the fleet; absent: not counted (single tenant).
    [[nodiscard]] virtual std::optional<std::int64_t> licensed_hosts() const = 0;
};

// -- the tenant's database --

// Parameters in text form, NULL for an empty one. Names of tables schema-qualified or of schema public.
struct statement
{
    statement(std::string text, std::vector<std::optional<std::string>> with = {})
        : sql(std::move(text))
        , values(std::move(with))
    {}
    std::string sql;
    std::vector<std::optional<std::string>> values;
};

struct query_result
{
    query_result() = default;
    std::vector<std::string> columns;  // empty: no rows are returned by such a statement
    std::vector<std::vector<std::optional<std::string>>> rows;
    std::string tag;  // "INSERT 0 5"
    std::uint64_t affected = 0;
};

// What PostgreSQL said; nothing was committed. kind and code as database::sql_error's.
class sql_refused : public error
{
public:
    sql_refused(error_kind kind, std::string code, std::string internal, std::string sqlstate)
        : error(kind, std::move(code), "the tenant's database refused this", std::move(internal))
        , sqlstate_(std::move(sqlstate))
    {}
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

private:
    std::string sqlstate_;
};

class platform_sessions
{
public:
    virtual ~platform_sessions() = default;
    // All statements in one transaction, in one round trip, on a connection of origin platform that no client
    // ever touched; search_path is the placement's schema, then pg_temp; synchronous_commit is on. Returns
    // after the commit: one result per statement. Role class rw or ro. At most 4 MiB of parameters and 16 MiB
    // of reply. Errors: sql_refused; unavailable tenant_suspended, tenant_not_ready, tenant_moving,
    // lease_unavailable, server_unavailable, placement_stale, directory_loading; internal placement_mismatch;
    // rate_limited pool_timeout; unavailable server_lost: whether it was committed is unknown (statements
    // must bear repetition).
    virtual task<std::vector<query_result>>
    run(tenant_id tenant, role_class role, std::vector<statement> statements) = 0;
};

// -- the registry's functions (migrations/registry/0013, 0014); each one call, one transaction --

struct redeem_request
{
    redeem_request() = default;
    token_id token;
    std::vector<std::string> secret_hmacs;  // hmac_keys::accepted_forms
    std::string public_key;                 // raw, 32 bytes
    std::string name;
    std::string machine_hint;  // empty: none
    std::string source_ip;     // empty: unknown
    std::string request_id;
    std::optional<std::vector<tenant_id>>
        named_tenants;                      // of other route keys; the nil id for a name of nobody
    std::optional<std::int64_t> max_hosts;  // configured, where the tenant's limits say nothing
    std::optional<std::int64_t> license_max_hosts;
    std::optional<std::string> license_refusal;  // code
};

struct redeemed
{
    redeemed() = default;
    std::string outcome;  // ok, or the code
    host_id host;         // from here on with ok only
    std::string host_name;
    std::string host_state;
    tenant_id tenant;
    std::string tid;
    std::string tenant_name;
    std::string approval;  // auto, manual
    std::string tags;      // JSON object
    bool is_replay = false;
};

struct host_outcome
{
    host_outcome() = default;
    std::string outcome;  // ok, unchanged, or the code
    std::string state;    // empty: unknown
    std::int64_t generation = 0;
};

struct renew_request
{
    renew_request() = default;
    host_id host;
    std::int64_t generation = 0;
    std::string next_hmac;
    wall_time next_expires_at;
    std::optional<std::string> public_key;  // raw; replaces the present one
    std::chrono::milliseconds max_offline{0};
    std::string source_ip;
    std::string request_id;
};

struct audit_request
{
    audit_request() = default;
    std::string action;  // host.route_conflict
    tenant_id tenant;    // of the verified credential
    std::string target;  // the host's id
    std::string outcome;
    std::string source_ip;
    std::string request_id;
    std::string detail = "{}";
};

// Errors of all: unavailable registry_unavailable, and what the registry says.
class enrollment_registry
{
public:
    virtual ~enrollment_registry() = default;
    virtual task<redeemed> redeem(redeem_request what) = 0;
    virtual task<host_outcome> enrolled(
        host_id host,
        std::string credential_hmac,
        wall_time expires_at,
        std::string source_ip,
        std::string request_id
    ) = 0;
    virtual task<host_outcome> renew(renew_request what) = 0;
    virtual task<host_outcome> promote(host_id host, std::vector<std::string> hmacs) = 0;
    // `detail`: a JSON object.
    virtual task<host_outcome> lock(
        host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
    ) = 0;
    virtual task<void> seen(std::vector<host_id> hosts) = 0;
    // An event of the router's own (registry_router_audit). `detail`: a JSON object.
    virtual task<void> audit(audit_request what) = 0;
    // Removes enrollments begun longer ago than `age` and never finished. How many.
    virtual task<std::int64_t> expire(std::chrono::milliseconds age) = 0;
};

// -- refusals --

// A name beside the credential, as it was presented, and whose it is.
struct presented_name
{
    presented_name(std::string of, std::string text) : kind(std::move(of)), presented(std::move(text)) {}
    std::string kind;  // sni, host, domain, option, …
    std::string presented;
    std::string tenant;  // tid; empty: nobody's
    std::string state;
};

// A request that was not let through, for the router's log.
struct refused_request
{
    refused_request() = default;
    error_kind kind = error_kind::internal;
    std::string code;
    std::string reason;
    std::string request_id;
    std::string peer;  // address without port
    bool is_tls = false;
    std::string sni;
    std::string host;  // the header
    std::vector<presented_name> keys;
    std::string tenant;           // tid of whom the credential, good or not, would belong to; empty: nobody
    std::string credential_kind;  // host, enrollment; empty: none was presented
    std::string credential_id;
};

class gateway_ports
{
public:
    virtual ~gateway_ports() = default;
    virtual asio::io_context& context() noexcept = 0;  // the front lane
    virtual route_lookup& lookup() noexcept = 0;
    virtual platform_sessions& sessions() noexcept = 0;
    virtual enrollment_registry& registry() noexcept = 0;
    // To the log the router has of all its refusals: repeats are counted there.
    virtual void note_refusal(const refused_request& what) = 0;
    // Ids of all hosts in state enrolling, for the reconcile pass; walks the directory, so at most once a
    // minute.
    [[nodiscard]] virtual std::vector<host_id> enrolling_hosts() const = 0;
};

}  // namespace leasehold::router::agents
