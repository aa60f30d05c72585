#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/database/pool.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

// What a router reads of the catalog, and the functions of its trade: all with the router's registry login,
// which may neither write the catalog nor read more than this.
namespace leasehold::registry {

struct route_placement
{
    server_id server;
    std::int64_t generation = 0;
    std::string tier;
    std::string name;
    std::string database;
    std::string schema;
};

struct route_tenant
{
    tenant_id id;
    std::string tid;
    std::string slug;
    std::string name;
    std::string state;
    std::int64_t generation = 0;
    bool is_paused = false;
    std::string edition;
    nlohmann::json limits;
    nlohmann::json settings;
    std::optional<route_placement> placement;
    std::int64_t schema_version = 0;  // 0: unknown
};

struct route_server
{
    server_id id;
    std::string name;
    std::vector<std::string> addresses;
    std::string sslmode;
    std::string ca;
    std::string broker_config;  // empty: no broker
    std::int64_t connection_budget = 0;
    std::string state;
};

struct route_domain
{
    std::string domain;
    tenant_id tenant;
    std::string upstream;
};

struct route_key
{
    key_id id;
    tenant_id tenant;
    std::string role;
    std::string secret_hmac;
    std::string scram_verifier;  // empty: not for PostgreSQL clients
    std::optional<wall_time> expires_at;
    std::optional<wall_time> revoked_at;
};

struct route_host
{
    host_id id;
    tenant_id tenant;
    std::string name;
    std::string state;
    std::int64_t generation = 0;
    std::string public_key;  // raw
    std::string credential_hmac;
    std::optional<wall_time> credential_expires_at;
    std::string next_hmac;
    std::optional<wall_time> next_expires_at;
    std::string previous_hmac;
    std::optional<wall_time> promoted_at;
    std::optional<wall_time> confirmed_at;
};

struct route_token
{
    token_id id;
    tenant_id tenant;
};

// Which rows to read.
struct route_names
{
    std::set<tenant_id> tenants;
    std::set<server_id> servers;
    std::set<std::string> domains;
    std::set<key_id> keys;
    std::set<host_id> hosts;
    std::set<token_id> tokens;
    [[nodiscard]] bool empty() const noexcept
    {
        return tenants.empty() && servers.empty() && domains.empty() && keys.empty() && hosts.empty() &&
               tokens.empty();
    }
};

// Those of them that are there.
struct route_rows
{
    std::vector<route_tenant> tenants;
    std::vector<route_server> servers;
    std::vector<route_domain> domains;
    std::vector<route_key> keys;
    std::vector<route_host> hosts;
    std::vector<route_token> tokens;
};

// One row of the change feed. It names; it does not tell.
struct change_row
{
    std::int64_t id = 0;
    std::string kind;
    std::optional<tenant_id> tenant;
    nlohmann::json payload;
};

// Change rows and the snapshot they were read in.
struct change_page
{
    std::uint64_t xmin = 0;
    std::uint64_t xmax = 0;
    std::int64_t oldest = 0;       // id of the oldest row that is still kept; 0: none
    installation_id installation;  // whose registry this is
    std::vector<change_row> rows;  // ascending
};

// What a router says of itself.
struct router_facts
{
    std::string address;
    std::string version;
    int lanes = 0;
    std::string machine;  // empty: unknown
    std::string process;  // on it
};

struct router_registration
{
    std::uint8_t number = 0;
    std::int64_t epoch = 0;
    installation_id installation;
};

struct route_license
{
    std::optional<std::string> document;
    wall_time high_water_time;
};

// Which outcome a function of enrollment gave; fields that it left NULL are empty.
struct redeem_outcome
{
    std::string outcome;
    host_id host;
    std::string host_name;
    std::string host_state;
    tenant_id tenant;
    std::string tid;
    std::string tenant_name;
    std::string approval;
    std::string tags;
    bool is_replay = false;
};

struct redeem_parameters
{
    redeem_parameters() = default;
    token_id token;
    std::vector<std::string> secret_hmacs;
    std::string public_key;  // raw
    std::string name;
    std::string machine_hint;
    std::string source_ip;
    std::optional<std::vector<tenant_id>> named_tenants;
    std::optional<std::int64_t> max_hosts;
    std::optional<std::int64_t> license_max_hosts;
    std::optional<std::string> license_refusal;
    std::string request_id;
};

struct host_change
{
    std::string outcome;
    std::string state;
    std::int64_t generation = 0;
};

struct router_event
{
    router_event() = default;
    std::string action;
    std::optional<tenant_id> tenant;
    std::string target;
    std::string request_id;
    std::string source_ip;
    std::string outcome = "ok";
    nlohmann::json detail = nlohmann::json::object();
};

// All calls hop to the pool; each is one transaction. From any lane. Errors: those of database::pool.
class routes
{
public:
    explicit routes(database::pool& pool) : pool_(pool) {}

    // -- this process's row --
    router_registration register_router(router_id id, const router_facts& facts);  // blocks
    // The same from a lane, where the registry has forgotten a running process.
    task<router_registration> register_again(router_id id, router_facts facts);
    // The routers that registered from this machine, each with its process.
    std::map<router_id, std::string> routers_of(const std::string& machine);  // blocks
    // False: not known (any more), register again.
    task<bool> beat(router_id id, nlohmann::json slots);
    task<bool> acknowledge(router_id id, std::int64_t applied, std::vector<std::int64_t> gaps);
    void deregister(router_id id);  // blocks
    task<void> audit(router_id id, router_event what);

    // -- change feed --
    // The rows after `after` (at most `limit`), and those of `gaps` that are there by now.
    task<change_page> changes(std::int64_t after, std::vector<std::int64_t> gaps, int limit);
    // The newest rows, `limit` of them, ascending: where a load begins.
    task<change_page> newest_changes(int limit);

    // -- rows --
    task<route_rows> read(route_names names);
    // Keyset pages; an empty `after` begins.
    task<std::vector<route_tenant>> tenants_after(std::optional<tenant_id> after, int limit);
    task<std::vector<route_key>> keys_after(std::optional<key_id> after, int limit);
    task<std::vector<route_host>> hosts_after(std::optional<host_id> after, int limit);
    task<std::vector<route_token>> tokens_after(std::optional<token_id> after, int limit);
    task<std::vector<route_domain>> domains_after(std::string after, int limit);
    task<std::vector<route_server>> servers();
    task<route_license> license();
    task<std::map<std::string, nlohmann::json>> settings();  // installation, hmac_fingerprints

    // -- credentials --
    task<void> keys_used(std::vector<key_id> keys);
    task<redeem_outcome> redeem(redeem_parameters what);
    task<host_change> host_enrolled(
        host_id host,
        std::string credential_hmac,
        wall_time expires_at,
        std::string source_ip,
        std::string request_id
    );
    task<host_change> host_renew(
        host_id host,
        std::int64_t generation,
        std::string next_hmac,
        wall_time next_expires_at,
        std::optional<std::string> public_key,
        std::chrono::milliseconds max_offline,
        std::string source_ip,
        std::string request_id
    );
    task<host_change> host_promote(host_id host, std::vector<std::string> hmacs);
    task<host_change> host_lock(
        host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
    );
    task<void> hosts_seen(std::vector<host_id> hosts);
    task<std::int64_t> enrollments_expire(std::chrono::milliseconds age);

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
