#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/principal.hpp>

#include <optional>
#include <string>
#include <vector>

namespace leasehold::registry {

struct api_key
{
    key_id id;
    std::optional<tenant_id> tenant;  // absent: a platform key
    std::string role;                 // read, write, admin; auditor, operator, owner
    std::string name;
    bool postgres = false;
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> expires_at;
    std::optional<wall_time> last_used_at;
    std::optional<wall_time> revoked_at;
    std::optional<key_id> replaces;
};

struct stored_key
{
    api_key facts;
    std::string secret_hmac;
};

struct new_key
{
    key_id id;
    std::optional<tenant_id> tenant;
    std::string role;
    std::string name;
    std::string secret_hmac;
    std::optional<std::string> scram_verifier;  // set: usable on the PostgreSQL listener
    std::optional<wall_time> expires_at;
    std::optional<key_id> replaces;
};

// API keys. The secret itself never comes here.
class keys
{
public:
    explicit keys(database::pool& pool) : pool_(pool) {}

    task<std::optional<stored_key>> find(key_id id);
    task<std::vector<api_key>> list(std::optional<tenant_id> tenant, std::optional<key_id> after, int limit);
    // conflict tenant_limit_reached when `max_keys` live ones are there.
    task<void> create(principal who, new_key what, int max_keys);
    // New key in, the old one ends at `old_ends_at`, in one transaction.
    task<void> rotate(principal who, new_key what, key_id old, wall_time old_ends_at);
    // Idempotent. `tenant`: the key must belong to it (absent: a platform key); else not_found key_not_found.
    // conflict last_owner when it would leave no owner key with more than 24 h to go.
    task<void> revoke(principal who, key_id id, std::optional<tenant_id> tenant);
    task<void> stamp_used(key_id id);  // at most once a minute
    // The same secret under another HMAC key, where `before` is still what is stored.
    task<void> rewrite(principal who, key_id id, std::string before, std::string now);

    // The first owner. False: there is one already. `before_commit` writes the key file; what it throws
    // aborts.
    task<bool> bootstrap_owner(principal who, new_key what, std::function<void()> before_commit);

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
