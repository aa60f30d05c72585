#pragma once

#include <leasehold/vault-client/broker.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::vault_client {

struct seal_report
{
    bool initialised = false;
    bool sealed = true;
    int threshold = 0;
    int shares = 0;
    int progress = 0;
    std::string version;
};

struct init_result
{
    std::vector<secret<std::string>> unseal_keys;  // base64
    secret<std::string> root_token;
};

// One PostgreSQL server as the broker sees it.
struct database_config
{
    database_config() = default;

    std::string
        connection_url;  // postgresql://{{username}}:{{password}}@host:port/postgres?sslmode=verify-full&sslrootcert=...
    std::string username;
    std::vector<std::string> allowed_roles;  // globs work: rw_*
    std::string username_template = default_username_template;
    int max_open_connections = 4;
    int max_idle_connections = 2;
    std::string max_connection_lifetime = "5m";
    bool verify_connection = true;

    // lease_<role, at most 36>_<20 random>, within PostgreSQL's 63 bytes.
    static constexpr const char* default_username_template =
        R"({{ printf "lease_%s_%s" (.RoleName | truncate 36) (random 20) | truncate 63 }})";
};

struct approle_terms
{
    approle_terms() = default;

    std::vector<std::string> policies;
    seconds token_period{4 * 3600};
    int secret_id_uses = 0;    // 0: not counted
    seconds secret_id_ttl{0};  // 0: does not end
};

// What is done to a broker once, by a person's token that Leasehold never stores: mounts, policies, AppRoles,
// database configs. Every call is safe to repeat unless it says otherwise. Not repeated inside, like broker.
// One lane. Errors: vault_client::error; denied names the path.
class broker_setup
{
public:
    virtual ~broker_setup() = default;

    virtual void use_token(std::shared_ptr<const secret<std::string>> token) = 0;

    // -- the managed broker of one machine (no token) --
    virtual task<seal_report> seal_status() = 0;
    virtual task<init_result> initialise(int shares, int threshold) = 0;  // once in a broker's life
    virtual task<seal_report> unseal(const secret<std::string>& key) = 0;
    virtual task<void> seal() = 0;

    // -- mounts, auth methods, policies --
    virtual task<std::map<std::string, std::string>> list_mounts() = 0;  // "database/" -> type
    virtual task<void>
    enable_mount(mount_name at, std::string type, std::map<std::string, std::string> options) = 0;
    virtual task<std::map<std::string, std::string>> list_auth_methods() = 0;
    virtual task<void> enable_auth(mount_name at, std::string type) = 0;
    virtual task<std::optional<std::string>> get_policy(policy_name name) = 0;
    virtual task<void> put_policy(policy_name name, std::string rules) = 0;  // HCL text

    // -- approle --
    virtual task<void> put_approle(mount_name at, approle_name name, const approle_terms& terms) = 0;
    virtual task<std::string> get_role_id(mount_name at, approle_name name) = 0;
    virtual task<secret<std::string>>
    make_secret_id(mount_name at, approle_name name) = 0;  // another one each time

    // -- database engine --
    virtual task<void> put_database_config(
        config_name name, const database_config& what, const secret<std::string>& password
    ) = 0;
    virtual task<std::optional<database_config>> get_database_config(config_name name
    ) = 0;  // never with a password
    virtual task<std::vector<config_name>> list_database_configs() = 0;
    virtual task<void> delete_database_config(config_name name) = 0;  // only when none of its leases is left
    virtual task<void> rotate_root(config_name name) = 0;  // afterwards only the broker knows the password

    // -- transit --
    virtual task<void>
    make_transit_key(transit_key name, std::string type) = 0;  // "ed25519"; exists already: fine

    // -- kv, as broker's --
    virtual task<int>
    put_kv(kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas) = 0;
    virtual task<std::optional<kv_entry>> get_kv(kv_path path) = 0;
};

}  // namespace leasehold::vault_client
