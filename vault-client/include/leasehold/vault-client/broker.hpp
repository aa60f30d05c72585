#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/vault-client/error.hpp>
#include <leasehold/vault-client/names.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::vault_client {

using std::chrono::seconds;

enum class node_state : std::uint8_t
{
    active,
    standby,
    sealed,
    uninitialised,
    unusable,
    untrusted,  // its certificate is
    unreachable
};
std::string_view to_text(node_state value) noexcept;

struct health_report
{
    node_state state = node_state::unreachable;
    std::string version;
    std::string cluster_id;
    std::optional<wall_time> server_time;
    std::string node;
};

// What a login gives. The token is the identity's until revoke_self().
struct token_grant
{
    secret<std::string> token;
    std::vector<std::string> policies;
    seconds ttl{0};
    bool renewable = false;
    bool orphan = false;
    bool is_service = true;  // false: a batch token
    int uses = 0;            // 0: not counted
    boot_time asked_at;      // before the first byte of the login was sent
};

struct token_facts
{
    seconds ttl{0};
    seconds period{0};
    seconds explicit_max_ttl{0};
    int uses = 0;
    bool orphan = false;
    bool renewable = false;
    bool is_service = true;
    std::vector<std::string> policies;
    boot_time asked_at;
};

// How long something lives from `asked_at` on.
struct term
{
    seconds duration{0};
    bool renewable = false;
    boot_time asked_at;
};

// A login that now exists on a PostgreSQL server.
struct issued
{
    lease_id id;
    broker_role role;
    std::string username;
    secret<std::string> password;
    seconds duration{0};
    bool renewable = false;
    boot_time asked_at;
    std::uint64_t token_generation =
        0;  // of the token it was made under (identified_broker knows it; else 0)
};

// Position in the broker's storage after a write; empty where the broker does not say.
class write_index
{
public:
    write_index() = default;
    explicit write_index(std::string text) : text_(std::move(text)) {}
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

struct role_terms
{
    role_terms() = default;

    std::optional<config_name> server;             // required for put_role; never changed once leases exist
    std::vector<std::string> creation_statements;  // one list element each
    std::vector<std::string> revocation_statements;
    std::vector<std::string> renew_statements;
    seconds default_ttl{3600};
    seconds max_ttl{86400};
    friend bool operator==(const role_terms&, const role_terms&) = default;
};

struct irrevocable_lease
{
    lease_id id;
    std::string error;
};

// A secret text map at a version.
struct kv_entry
{
    std::map<std::string, secret<std::string>> data;
    int version = 0;
};

enum class completion : std::uint8_t
{
    queued,
    done
};  // done waits for the SQL (up to 120 s)

class page_start
{
public:
    page_start() = default;
    page_start(std::string after, int limit) : after_(std::move(after)), limit_(limit) {}
    [[nodiscard]] const std::string& after() const noexcept { return after_; }
    [[nodiscard]] int limit() const noexcept { return limit_; }

private:
    std::string after_;
    int limit_ = 1000;
};

template <class T>
struct page
{
    std::vector<T> items;
    std::optional<page_start> next;  // absent: this was the last
};

// All of a broker that Leasehold uses, for one identity and one namespace. One call = at most one HTTP
// exchange and its permitted redirects (after a 403 one lookup-self, to tell a dead token from a missing
// policy); nothing is repeated here. Owner and thread: the lane that made it. Errors: vault_client::error.
// "No such path" is an answer (optional, empty page). Arguments with a constructor of their own may be made
// in the call; `const&` arguments must outlive the await.
class broker
{
public:
    virtual ~broker() = default;

    // The token of all later calls; empty: none. Shared, never copied.
    virtual void use_token(std::shared_ptr<const secret<std::string>> token) = 0;

    // Who has signed the nodes' certificates (empty: the system's), for connections made from now on. For
    // those brokers that have certificates.
    virtual void use_ca_file(const std::string& file) { static_cast<void>(file); }

    // -- state of the broker (no token) --
    virtual task<health_report> health() = 0;  // never throws for a bad state: it is the answer

    // -- token --
    virtual task<token_grant>
    login_approle(mount_name mount, std::string role_id, const secret<std::string>& secret_id) = 0;
    virtual task<token_facts> lookup_self() = 0;  // throws token_dead
    virtual task<term> renew_self(seconds increment) = 0;
    virtual task<void> revoke_self() = 0;  // and with it all leases of the token
    virtual task<std::map<std::string, std::vector<std::string>>>
    capabilities_self(std::vector<std::string> paths) = 0;

    // -- leases --
    virtual task<issued>
    issue(broker_role name, write_index after) = 0;  // makes a login; see failure::answer_lost
    virtual task<term> renew(lease_id id, seconds increment) = 0;
    virtual task<void> revoke(lease_id id, completion how) = 0;
    // All leases of one broker role, by its whole name. Then list_leases must be empty.
    virtual task<void> revoke_prefix(broker_role name, completion how) = 0;
    virtual task<page<lease_id>> list_leases(broker_role name, page_start from) = 0;
    virtual task<std::vector<irrevocable_lease>> list_irrevocable() = 0;

    // -- roles of the database engine --
    virtual task<write_index> put_role(broker_role name, const role_terms& terms) = 0;
    virtual task<std::optional<role_terms>> get_role(broker_role name) = 0;
    virtual task<void> delete_role(broker_role name) = 0;  // only after its leases are gone; absent is fine
    virtual task<page<broker_role>> list_roles(page_start from) = 0;

    // -- kv version 2 --
    virtual task<std::optional<kv_entry>> get_kv(kv_path path) = 0;
    // `cas`: the version that must be there (0: none). Errors: conflict. The new version.
    virtual task<int>
    put_kv(kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas) = 0;
    virtual task<void> delete_kv(kv_path path) = 0;  // all versions and metadata; absent is fine

    // -- transit --
    // Public keys by version (base64 for ed25519), or nothing when there is no such key.
    virtual task<std::optional<std::map<int, std::string>>> get_transit_key(transit_key name) = 0;
};

struct broker_mounts
{
    std::string kv = "secret";
    std::string database = "database";
    std::string transit = "transit";
};

}  // namespace leasehold::vault_client
