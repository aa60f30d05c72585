#include "engines.hpp"
#include "exchange.hpp"

#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

namespace leasehold::vault_client {
namespace {

constexpr std::size_t most_shares = 16;

seal_report seal_from(answer& got)
{
    fields of(got.body);
    seal_report report;
    report.initialised = of.flag("initialized");
    report.sealed = of.flag("sealed");
    report.threshold = static_cast<int>(of.integer_or("t", 0));
    report.shares = static_cast<int>(of.integer_or("n", 0));
    report.progress = static_cast<int>(of.integer_or("progress", 0));
    report.version = of.text_or("version", 64, "");
    return report;
}

// "database/" -> "database": of sys/mounts and sys/auth, whose entries stand at the top and, in some
// versions, in data too.
std::map<std::string, std::string> types_from(answer& got)
{
    fields top(got.body);
    auto& entries = top.has("data") && top.raw()["data"].is_object() ? top.raw()["data"] : got.body;
    std::map<std::string, std::string> result;
    for (auto& [path, entry] : entries.items()) {
        if (!path.ends_with("/") || !entry.is_object()) continue;
        fields of(entry);
        result.emplace(path, of.text("type", 64));
    }
    return result;
}

class vault_setup final : public broker_setup
{
public:
    vault_setup(broker_settings settings, const clock_source& clock, metrics& into)
        : exchange_(std::move(settings), clock, into)
    {}

    void use_token(std::shared_ptr<const secret<std::string>> token) override
    {
        exchange_.use_token(std::move(token));
    }

    task<seal_report> seal_status() override;
    task<init_result> initialise(int shares, int threshold) override;
    task<seal_report> unseal(const secret<std::string>& key) override;
    task<void> seal() override;
    task<std::map<std::string, std::string>> list_mounts() override;
    task<void>
    enable_mount(mount_name at, std::string type, std::map<std::string, std::string> options) override;
    task<std::map<std::string, std::string>> list_auth_methods() override;
    task<void> enable_auth(mount_name at, std::string type) override;
    task<std::optional<std::string>> get_policy(policy_name name) override;
    task<void> put_policy(policy_name name, std::string rules) override;
    task<void> put_approle(mount_name at, approle_name name, const approle_terms& terms) override;
    task<std::string> get_role_id(mount_name at, approle_name name) override;
    task<secret<std::string>> make_secret_id(mount_name at, approle_name name) override;
    task<void> put_database_config(
        config_name name, const database_config& what, const secret<std::string>& password
    ) override;
    task<std::optional<database_config>> get_database_config(config_name name) override;
    task<std::vector<config_name>> list_database_configs() override;
    task<void> delete_database_config(config_name name) override;
    task<void> rotate_root(config_name name) override;
    task<void> make_transit_key(transit_key name, std::string type) override;
    task<int> put_kv(
        kv_path path, const std::map<std::string, secret<std::string>>& data, std::optional<int> cas
    ) override
    {
        co_return co_await engines::put_kv(exchange_, path, data, cas);
    }
    task<std::optional<kv_entry>> get_kv(kv_path path) override
    {
        auto entry = co_await engines::get_kv(exchange_, path);
        co_return entry;
    }

private:
    [[nodiscard]] std::string config_path(const config_name& name) const
    {
        return exchange_.settings().mounts.database + "/config/" + name.text();
    }

    exchange exchange_;
};

task<seal_report> vault_setup::seal_status()
{
    call what(call_kind::seal, http::method::get, "sys/seal-status");
    what.wants_token = false;
    what.in_namespace = false;
    what.any_node = true;
    auto got = co_await exchange_.send(std::move(what));
    co_return seal_from(got);
}

task<init_result> vault_setup::initialise(int shares, int threshold)
{
    call what(call_kind::seal, http::method::put, "sys/init");
    what.wants_token = false;
    what.in_namespace = false;
    what.any_node = true;
    what.is_secret = true;
    what.body = json{{"secret_shares", shares}, {"secret_threshold", threshold}}.dump();
    auto got = co_await exchange_.send(std::move(what));
    fields of(got.body);
    init_result result;
    result.root_token = of.secret_text("root_token", 4096);
    auto& keys = of.raw()["keys_base64"];
    if (!keys.is_array() || keys.empty() || keys.size() > most_shares)
        refuse_answer("keys_base64", "is no list of keys");
    for (auto& key : keys) {
        if (!key.is_string()) refuse_answer("keys_base64", "holds no text");
        result.unseal_keys.push_back(secret<std::string>::take(std::move(key.get_ref<std::string&>())));
    }
    if (of.has("keys")) {
        for (auto& key : of.raw()["keys"]) {
            if (key.is_string()) wipe(key.get_ref<std::string&>());
        }
    }
    co_return result;
}

task<seal_report> vault_setup::unseal(const secret<std::string>& key)
{
    secret_body body;
    body.add("key", key.reveal());
    call what(call_kind::seal, http::method::put, "sys/unseal");
    what.wants_token = false;
    what.in_namespace = false;
    what.any_node = true;
    what.is_secret = true;
    what.body = body.take();
    auto got = co_await exchange_.send(std::move(what));
    co_return seal_from(got);
}

task<void> vault_setup::seal()
{
    call what(call_kind::seal, http::method::put, "sys/seal");
    what.in_namespace = false;
    co_await exchange_.send(std::move(what));
}

task<std::map<std::string, std::string>> vault_setup::list_mounts()
{
    call what(call_kind::sys, http::method::get, "sys/mounts");
    auto got = co_await exchange_.send(std::move(what));
    co_return types_from(got);
}

task<void>
vault_setup::enable_mount(mount_name at, std::string type, std::map<std::string, std::string> options)
{
    call what(call_kind::sys, http::method::post, "sys/mounts/" + at.text());
    what.body = json{{"type", type}, {"options", options}}.dump();
    co_await exchange_.send(std::move(what));
}

task<std::map<std::string, std::string>> vault_setup::list_auth_methods()
{
    call what(call_kind::sys, http::method::get, "sys/auth");
    auto got = co_await exchange_.send(std::move(what));
    co_return types_from(got);
}

task<void> vault_setup::enable_auth(mount_name at, std::string type)
{
    call what(call_kind::sys, http::method::post, "sys/auth/" + at.text());
    what.body = json{{"type", type}}.dump();
    co_await exchange_.send(std::move(what));
}

task<std::optional<std::string>> vault_setup::get_policy(policy_name name)
{
    call what(call_kind::sys, http::method::get, "sys/policies/acl/" + name.text());
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) co_return std::nullopt;
    co_return engines::data_of(got).text("policy", 64U << 10U);
}

task<void> vault_setup::put_policy(policy_name name, std::string rules)
{
    call what(call_kind::sys, http::method::put, "sys/policies/acl/" + name.text());
    what.body = json{{"policy", rules}}.dump();
    co_await exchange_.send(std::move(what));
}

task<void> vault_setup::put_approle(mount_name at, approle_name name, const approle_terms& terms)
{
    call what(call_kind::approle, http::method::post, "auth/" + at.text() + "/role/" + name.text());
    what.body =
        json{
            {"token_policies", terms.policies},
            {"token_no_default_policy", true},
            {"token_type", "service"},
            {"token_period", terms.token_period.count()},
            {"token_num_uses", 0},
            {"secret_id_num_uses", terms.secret_id_uses},
            {"secret_id_ttl", terms.secret_id_ttl.count()},
        }
            .dump();
    co_await exchange_.send(std::move(what));
}

task<std::string> vault_setup::get_role_id(mount_name at, approle_name name)
{
    call what(
        call_kind::approle, http::method::get, "auth/" + at.text() + "/role/" + name.text() + "/role-id"
    );
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) throw error(failure::refused, "there is no AppRole " + name.text());
    co_return engines::data_of(got).text("role_id", 256);
}

task<secret<std::string>> vault_setup::make_secret_id(mount_name at, approle_name name)
{
    call what(
        call_kind::approle, http::method::post, "auth/" + at.text() + "/role/" + name.text() + "/secret-id"
    );
    what.is_secret = true;
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) throw error(failure::refused, "there is no AppRole " + name.text());
    co_return engines::data_of(got).secret_text("secret_id", 256);
}

task<void> vault_setup::put_database_config(
    config_name name, const database_config& from, const secret<std::string>& password
)
{
    secret_body body;
    body.add("plugin_name", "postgresql-database-plugin");
    body.add("connection_url", from.connection_url);
    body.add("username", from.username);
    body.add("password", password.reveal());
    body.add_raw("allowed_roles", json(from.allowed_roles).dump());
    body.add("password_authentication", "scram-sha-256");
    body.add("username_template", from.username_template);
    body.add_raw("max_open_connections", std::to_string(from.max_open_connections));
    body.add_raw("max_idle_connections", std::to_string(from.max_idle_connections));
    body.add("max_connection_lifetime", from.max_connection_lifetime);
    body.add_raw("verify_connection", from.verify_connection ? "true" : "false");
    call what(call_kind::config, http::method::post, config_path(name));
    what.is_secret = true;
    what.body = body.take();
    co_await exchange_.send(std::move(what));
}

task<std::optional<database_config>> vault_setup::get_database_config(config_name name)
{
    call what(call_kind::config, http::method::get, config_path(name));
    auto got = co_await exchange_.send(std::move(what));
    if (got.absent) co_return std::nullopt;
    auto data = engines::data_of(got);
    auto details = data.object("connection_details");
    database_config result;
    result.connection_url = details.text("connection_url", 4096);
    result.username = details.text_or("username", 256, "");
    result.allowed_roles = data.texts("allowed_roles", 1024, 256);
    result.username_template = details.text_or("username_template", 4096, "");
    result.max_open_connections = static_cast<int>(details.integer_or("max_open_connections", 0));
    result.max_idle_connections = static_cast<int>(details.integer_or("max_idle_connections", 0));
    result.max_connection_lifetime = details.text_or("max_connection_lifetime", 64, "");
    co_return result;
}

task<std::vector<config_name>> vault_setup::list_database_configs()
{
    call what(call_kind::config, http::method::list, exchange_.settings().mounts.database + "/config");
    auto got = co_await exchange_.send(std::move(what));
    std::vector<config_name> result;
    if (got.absent) co_return result;
    for (const auto& key : engines::keys_of(got)) {
        if (auto name = config_name::parse(key)) result.push_back(std::move(*name));
    }
    co_return result;
}

task<void> vault_setup::delete_database_config(config_name name)
{
    call what(call_kind::config, http::method::del, config_path(name));
    co_await exchange_.send(std::move(what));
}

task<void> vault_setup::rotate_root(config_name name)
{
    call what(
        call_kind::rotate_root,
        http::method::post,
        exchange_.settings().mounts.database + "/rotate-root/" + name.text()
    );
    co_await exchange_.send(std::move(what));
}

task<void> vault_setup::make_transit_key(transit_key name, std::string type)
{
    call what(
        call_kind::transit, http::method::post, exchange_.settings().mounts.transit + "/keys/" + name.text()
    );
    what.body = json{{"type", type}}.dump();
    co_await exchange_.send(std::move(what));
}

}  // namespace

std::unique_ptr<broker_setup>
create_vault_setup(broker_settings settings, const clock_source& clock, metrics& into)
{
    return std::make_unique<vault_setup>(std::move(settings), clock, into);
}

}  // namespace leasehold::vault_client
