#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/license.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The router's map of the fleet: which names and credentials lead to which tenant, and where that tenant
// lives.
namespace leasehold::router {

enum class tenant_state : std::uint8_t
{
    provisioning,
    active,
    suspended,
    moving,
    deleting,
    failed
};
std::string_view to_text(tenant_state value) noexcept;
std::optional<tenant_state> parse_tenant_state(std::string_view text) noexcept;

// An address range of `settings.networks`. IPv4 lies in the mapped part of IPv6.
struct network
{
    std::array<std::uint8_t, 16> bytes{};
    std::uint8_t prefix = 128;
    static std::optional<network> parse(std::string_view text) noexcept;  // 10.0.0.0/8, ::1/128, 192.0.2.7
    [[nodiscard]] bool contains(const network& host) const noexcept;
};

struct placement_record
{
    server_id server;
    int generation = 0;
    std::string tier;  // database, schema, server
    std::string name;  // P: from it come the names of its roles
    std::string database;
    std::string schema;
    friend bool operator==(const placement_record&, const placement_record&) = default;
};

struct tenant_record
{
    tenant_id id;
    std::string tid;
    std::string slug;
    std::string name;
    tenant_state state = tenant_state::provisioning;
    std::int64_t generation = 0;
    bool is_paused = false;
    std::string edition;
    std::optional<placement_record> placement;  // absent: it has no database yet
    std::int64_t schema_version = 0;            // 0: unknown

    // Of `limits`, where it says so.
    std::optional<std::int64_t> max_connections;
    std::optional<std::int64_t> max_clients;
    std::optional<std::int64_t> max_hosts;
    // Of `settings`.
    std::optional<std::int64_t> heartbeat_days;
    bool session_mode = false;
    bool allow_session_mode = false;
    std::vector<network> networks;  // empty: from anywhere
};

enum class key_role : std::uint8_t
{
    read,
    write,
    admin
};
std::optional<key_role> parse_key_role(std::string_view text) noexcept;

struct key_record
{
    key_id id;
    tenant_id tenant;
    key_role role = key_role::read;
    std::string secret_hmac;
    std::string scram_verifier;  // empty: not for the PostgreSQL listener
    std::optional<wall_time> expires_at;
    std::optional<wall_time> revoked_at;
};

struct host_record
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

struct token_record
{
    token_id id;
    tenant_id tenant;
};

struct domain_record
{
    std::string domain;  // canonical
    tenant_id tenant;
    std::string upstream;  // empty: the proxy's own choice
};

struct server_record
{
    server_id id;
    std::uint32_t index = 0;  // of this process, never used again: what relay lanes know a server by
    std::string name;
    std::vector<std::string> addresses;  // host:port
    std::string sslmode;
    std::string ca;  // PEM
    std::string broker_config;
    std::int64_t connection_budget = 0;
    std::string state;
};

struct directory_counts
{
    std::size_t tenants = 0;
    std::size_t domains = 0;
    std::size_t keys = 0;
    std::size_t hosts = 0;
    std::size_t tokens = 0;
    std::size_t servers = 0;
};

// One state of the map, whole and immutable; lanes share it by shared_ptr. Any thread. No look-up takes a
// lock, allocates or asks anybody; what is not found does not exist (as of applied_change). Pointers live as
// long as the directory does. Only the keepers below make one.
class directory
{
public:
    ~directory();
    directory(const directory&) = delete;
    directory& operator=(const directory&) = delete;

    [[nodiscard]] const tenant_record* find_tenant(const tenant_id& id) const noexcept;
    [[nodiscard]] const tenant_record* find_slug(std::string_view slug) const noexcept;
    [[nodiscard]] const tenant_record* find_tid(std::string_view tid) const noexcept;  // without "t_"
    // The placement's database, byte for byte.
    [[nodiscard]] const tenant_record* find_database(std::string_view database) const noexcept;
    // A canonical domain: a verified one, else `<slug>.<domain suffix>`.
    [[nodiscard]] const tenant_record* find_domain(std::string_view domain) const noexcept;
    [[nodiscard]] const domain_record* find_domain_record(std::string_view domain) const noexcept;
    [[nodiscard]] const key_record* find_key(const key_id& id) const noexcept;
    [[nodiscard]] const host_record* find_host(const host_id& id) const noexcept;
    [[nodiscard]] const token_record* find_token(const token_id& id) const noexcept;
    [[nodiscard]] const server_record* find_server(const server_id& id) const noexcept;
    [[nodiscard]] const server_record* server_at(std::uint32_t index) const noexcept;

    [[nodiscard]] const installation_id& installation() const noexcept;
    [[nodiscard]] std::int64_t applied_change() const noexcept;
    [[nodiscard]] directory_counts count() const noexcept;
    // These walk all of a kind: for what happens seldom.
    [[nodiscard]] std::vector<host_id> hosts_in_state(std::string_view state) const;
    [[nodiscard]] std::vector<tenant_id> tenant_ids() const;
    [[nodiscard]] std::vector<key_id> key_ids() const;
    [[nodiscard]] std::vector<host_id> host_ids() const;

private:
    friend class directory_keeper;
    struct tables;
    explicit directory(std::unique_ptr<const tables> of);
    std::unique_ptr<const tables> tables_;
};
using directory_ptr = std::shared_ptr<const directory>;

// The present rows of what changed: a key without a value is gone.
struct directory_change
{
    std::map<tenant_id, std::optional<tenant_record>> tenants;
    std::map<key_id, std::optional<key_record>> keys;
    std::map<host_id, std::optional<host_record>> hosts;
    std::map<token_id, std::optional<token_record>> tokens;
    std::map<std::string, std::optional<domain_record>> domains;
    std::map<server_id, std::optional<server_record>> servers;
    installation_id installation;  // nil: unchanged
    std::int64_t applied_change = 0;
};

// Makes one directory after another, each sharing with the one before whatever did not change. Owner and
// thread: the feed's lane.
class directory_keeper
{
public:
    virtual ~directory_keeper();
    directory_keeper(const directory_keeper&) = delete;
    directory_keeper& operator=(const directory_keeper&) = delete;

    // Null before the first apply().
    [[nodiscard]] const directory_ptr& current() const noexcept { return current_; }
    virtual directory_ptr apply(directory_change change) = 0;
    // The same from nothing: what the change does not hold is gone.
    directory_ptr replace(directory_change all);

private:
    // No other class can be a keeper: each of the two proves what it may hold.
    friend class fleet_directory;
    friend class one_tenant_directory;
    explicit directory_keeper(std::string domain_suffix);
    directory_ptr put(directory_change change);

    std::string domain_suffix_;
    std::map<server_id, std::uint32_t> server_indexes_;
    directory_ptr current_;
};

// A directory of any number of tenants: made only from a verified license.
class fleet_directory : public directory_keeper
{
public:
    fleet_directory(const multi_tenant& allowed, std::string domain_suffix);
    directory_ptr apply(directory_change change) override;
};

// A directory with room for one tenant. A second one is not taken in (error log `directory.second_tenant`).
class one_tenant_directory final : public directory_keeper
{
public:
    explicit one_tenant_directory(const single_tenant& allowed);
    directory_ptr apply(directory_change change) override;

private:
    std::optional<tenant_id> only_;
};

// A domain in the form the directory knows: ASCII lower case, without port and one trailing dot; "", which
// names nobody, where it is too long or has characters no host name has. nullopt for what is no key: no name
// at all, an IP literal.
std::optional<std::string> to_canonical_domain(std::string_view name);

}  // namespace leasehold::router
