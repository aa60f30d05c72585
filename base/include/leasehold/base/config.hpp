#pragma once

#include <leasehold/base/error.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold {

using std::chrono::milliseconds;
using path = std::filesystem::path;

struct address  // host:port, [v6]:port, unix:/path
{
    std::string host;  // empty for a Unix socket
    std::uint16_t port = 0;
    std::string unix_path;
    [[nodiscard]] bool is_unix() const noexcept { return !unix_path.empty(); }
    [[nodiscard]] bool is_loopback() const noexcept;  // 127.0.0.0/8, ::1, localhost, Unix socket
    [[nodiscard]] std::string to_string() const;
    static std::optional<address> parse(std::string_view text);
    friend bool operator==(const address&, const address&) = default;
};

struct tls_files
{
    path cert_file;
    path key_file;
    [[nodiscard]] bool is_set() const noexcept { return !cert_file.empty(); }
};

struct database_login
{
    std::string user;
    path password_file;  // empty: peer or certificate
    friend bool operator==(const database_login&, const database_login&) = default;
};

struct registry_config  // the catalog: no tenant data, no tenant password
{
    std::vector<address> hosts{{"127.0.0.1", 5432, {}}};  // or a socket: unix:/run/postgresql/.s.PGSQL.5432
    std::string database = "leasehold";
    std::string sslmode = "verify-full";
    path ca_file = "/etc/leasehold/pg-ca.pem";
    database_login control_plane{"leasehold_control", "/etc/leasehold/secrets/control"};
    database_login router{
        "leasehold_router", "/etc/leasehold/secrets/router"};  // routing views and functions only
    database_login migrate{
        "leasehold_migrate", "/etc/leasehold/secrets/migrate"};  // migrate and recover only
    struct pool_settings
    {
        int threads = 8;
        int queue = 256;  // full = unavailable
        milliseconds connect_timeout{3000};
        milliseconds statement_timeout{10000};
        milliseconds lock_timeout{2000};
    } pool;
};

struct shared_config  // empty: in the registry's database
{
    std::vector<address> hosts;
    std::string database;
    std::string sslmode = "verify-full";
    path ca_file;
    database_login migrate;
};

struct security_config
{
    path hmac_key_file =
        "/etc/leasehold/secrets/hmac-key";  // key of all keys, tokens; the same on every node
};

struct multitenancy_config
{
    bool enabled = false;  // true needs vault.enabled and a license of tier MULTITENANT_SAAS
    struct placement_defaults
    {
        std::string tier = "database";
        std::string region;
        std::string jurisdiction;
    } defaults;
    std::string domain_suffix;
    std::vector<std::string> reserved_slugs;
    milliseconds delete_grace{std::chrono::hours(24)};
};

struct license_config
{
    path file = "/etc/leasehold/license.jws";
};

struct broker_identity_config
{
    std::string method = "approle";  // approle, token
    std::string mount = "approle";
    path role_id_file;
    path secret_id_file;
    path token_file;
};

struct vault_config
{
    bool enabled = false;
    std::vector<std::string> url{"https://127.0.0.1:8200"};  // nodes; the active one is found by health
    std::string name_space;                                  // key `namespace`
    path ca_file;
    std::vector<std::string> redirect_allow;
    struct timeout_settings
    {
        milliseconds connect{2000};
        milliseconds call{10000};
    } timeouts;
    struct mount_names
    {
        std::string kv = "secret";
        std::string database = "database";
        std::string transit = "transit";
    } mounts;
    struct identities
    {
        broker_identity_config router{
            .role_id_file = "/etc/leasehold/secrets/router-id",
            .secret_id_file = "/etc/leasehold/secrets/router-secret",
            .token_file = {}};
        broker_identity_config provisioner{
            .role_id_file = "/etc/leasehold/secrets/prov-id",
            .secret_id_file = "/etc/leasehold/secrets/prov-secret",
            .token_file = {}};
    } auth;
    struct managed_broker  // a broker on this machine: `migrate --managed-broker` starts it when it is down,
                           // then stops it
    {
        std::string binary = "bao";
        path config_file;  // empty: never started
        path data_path = "./data/openbao";
        path keys_file = "./data/openbao-keys.json";  // unseal material, 0600, created once
        path token_file;                              // used when provision-bootstrap gets no --bao-token
    } bootstrap;
};

struct control_plane_config
{
    address listen{"127.0.0.1", 7600, {}};
    std::string public_url = "http://127.0.0.1:7600";
    tls_files tls;
    std::optional<address> router_address;  // where tenant data is read; empty: the router of this process
    path router_ca_file;                    // of the router's certificate; empty: registry.ca_file
    struct bootstrap_settings
    {
        path key_file = "/var/lib/leasehold/bootstrap-key";
        path supplied_key_file;
        milliseconds lifetime{std::chrono::hours(24 * 7)};
    } bootstrap;
    struct operation_settings
    {
        int workers = 4;
        milliseconds lease{30000};  // a worker's hold on an operation
    } operations;
};

struct router_config
{
    std::vector<address> listen{{"127.0.0.1", 7632, {}}};
    std::string advertise;
    tls_files tls;        // set: TLS is required; empty: none, loopback only
    int lanes = 0;        // relay lanes; 0 = one per core
    int front_lanes = 0;  // 0 = one per 4 relay lanes, at least 1
    struct pool_settings
    {
        int max_per_tenant = 20;
        milliseconds idle_timeout{60000};
        milliseconds checkout_timeout{5000};
    } pool;
    struct client_settings
    {
        int max = 10000;
        milliseconds login_timeout{10000};  // accept to ready
        milliseconds idle_timeout{0};       // 0 = none
    } clients;
    struct lease_settings
    {
        double rotate_at = 0.66;
        double jitter = 0.1;
        milliseconds drain{30000};
    } lease;
    milliseconds connect_timeout{3000};
};

struct agents_config
{
    address listen{"127.0.0.1", 7601, {}};
    tls_files tls;
    struct token_settings
    {
        milliseconds default_lifetime{std::chrono::hours(24)};
        milliseconds max_lifetime{std::chrono::hours(24 * 30)};
        int default_uses = 1;
    } token;
    struct heartbeat_settings
    {
        milliseconds interval{60000};
    } heartbeat;
    milliseconds max_offline{std::chrono::hours(24 * 90)};
};

struct provisioned_server_config
{
    std::string name;
    std::vector<address> hosts;
    std::string region;
    std::string jurisdiction;
    path ca_file;
    path broker_ca_file;  // on the broker's machine, readable by the broker's user
    std::string superuser = "postgres";
    path superuser_password_file;
    int connection_budget = 0;        // 0: max_connections - reserved - 10
    std::vector<std::string> accept;  // findings taken knowingly
};

struct provisioning_config
{
    std::vector<provisioned_server_config> servers;
};

struct migrations_config
{
    path tenant_dir;
    std::string tenant_mode = "extend";  // extend, replace
    int parallel_per_server = 4;         // databases at one time
    struct target_settings
    {
        milliseconds lock_timeout{2000};
        milliseconds statement_timeout{60000};
        int retries = 5;
    } target;
};

struct limits_config
{
    struct request_settings
    {
        std::int64_t body = 64 << 10;  // bytes
        milliseconds timeout{30000};
    } request;
    milliseconds drain_timeout{30000};
    struct tenant_settings  // where registry_tenant.limits says nothing
    {
        int max_hosts = 1000;
        int max_connections = 50;
        int max_clients = 1000;  // of one router
        int max_keys = 100;
        int max_tokens = 100;
    } tenant;
};

struct log_config
{
    std::string level = "info";
    std::string format = "json";
};

struct metrics_config
{
    address listen{"127.0.0.1", 7690, {}};
    path token_file;
};

// Everything a process is told. Values after defaults, file, environment and flags (in that order of
// strength) were applied and cross-checked. Immutable once made.
struct config
{
    registry_config registry;
    shared_config shared;
    security_config security;
    multitenancy_config multitenancy;
    license_config license;
    vault_config vault;
    control_plane_config control_plane;
    router_config router;
    agents_config agents;
    provisioning_config provisioning;
    migrations_config migrations;
    limits_config limits;
    log_config log;
    metrics_config metrics;
};

struct config_problem
{
    std::string key;   // dotted path; empty for the file itself
    int line = 0;      // 0: not from the file
    std::string text;  // what is wrong, with the nearest valid key where one is unknown
};

// All problems at once. kind invalid, code "config_invalid"; what() lists each on a line of its own.
class config_error : public error
{
public:
    explicit config_error(std::vector<config_problem> problems);
    [[nodiscard]] const std::vector<config_problem>& problems() const noexcept { return problems_; }

private:
    std::vector<config_problem> problems_;
};

struct config_sources
{
    std::optional<path> file;                        // absent: defaults, environment and flags only
    std::map<std::string, std::string> environment;  // the LEASEHOLD__A__B variables, whole
    std::map<std::string, std::string> flags;        // dotted key -> YAML scalar (log.level, ...)
    bool development = false;                        // --dev
};

struct loaded_config
{
    config values;
    std::map<std::string, std::string> origins;  // dotted key -> default, file:LINE, env:NAME, flag
};

// Reads and cross-checks; opens no secret file. The configuration file itself is at most 1 MiB and not
// world-writable. Throws config_error with every problem. Rules: unknown or duplicate key, anchor, alias,
// tag, wrong type or unit is an error with the nearest valid key. Booleans are true and false only; durations
// 250ms 30s 5m 12h 7d; sizes 64KiB; addresses host:port, [v6]:port, unix:/path.
loaded_config load_config(const config_sources& from);

// What a fresh configuration means for a process that runs: names of the keys whose values differ.
struct config_changes
{
    std::vector<std::string> applied;         // those marked [r] in the reference
    std::vector<std::string> restart_needed;  // the others
};

// Gives `running` the values of `fresh` for the keys marked [r], and touches nothing else of it: what reads
// another key meanwhile is not disturbed.
config_changes take_reloadable(config& running, const config& fresh);

// Values that are right one by one but not together; load_config() has done this.
std::vector<config_problem> check_together(const config& values, bool is_development);

// Opens every *_file that is set and used: problems as secret_file_* and file_* codes in the texts. Calls
// nobody. A file that the product itself makes on first use (HMAC key, bootstrap key, unseal keys) may be
// absent.
// Without `is_development` a secret that everybody knows, from a sample, is a problem too: secret_is_sample.
std::vector<config_problem> check_files(const config& values, bool is_development);

// Every key with its default and comment as YAML: deploy/leasehold.example.yaml is exactly this.
std::string config_reference();

// Effective values: dotted key, value (file paths as they are; nothing secret is in a config), origin.
struct config_value
{
    std::string key;
    std::string value;
    std::string origin;
};
std::vector<config_value> effective_values(const loaded_config& loaded);

}  // namespace leasehold
