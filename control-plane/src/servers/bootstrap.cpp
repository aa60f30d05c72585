#include "servers/access.hpp"
#include "servers/base_database.hpp"
#include "servers/examination.hpp"
#include "servers/names.hpp"
#include "servers/policies.hpp"
#include "servers/server_passwords.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>

#include <pwd.h>
#include <unistd.h>

namespace leasehold::control_plane {
namespace {

using servers::server_passwords;
using vault_client::broker_setup;

struct identity_role
{
    std::string name;
    std::string policy_text;
    const broker_identity_config* files;
};

registry::principal operator_of_this_machine()
{
    const auto* account = ::getpwuid(::geteuid());  // NOLINT(concurrency-mt-unsafe): a one-threaded command
    registry::principal who;
    who.name = fmt::format("os:{}", account != nullptr ? account->pw_name : std::to_string(::geteuid()));
    return who;
}

class bootstrap
{
public:
    bootstrap(
        const config& values, bootstrap_request request, std::function<void(const bootstrap_event&)> report
    )
        : values_(values)
        , request_(std::move(request))
        , report_(std::move(report))
        , setup_(vault_client::create_vault_setup(vault_client::settings_of(values.vault)))
    {
        setup_->use_token(std::make_shared<const secret<std::string>>(request_.bao_token.clone()));
        mounts_.kv = values.vault.mounts.kv;
        mounts_.database = values.vault.mounts.database;
        mounts_.transit = values.vault.mounts.transit;
    }

    task<void> run()
    {
        co_await prepare_broker();
        bool found = false;
        for (const auto& server : values_.provisioning.servers) {
            if (request_.server && *request_.server != server.name) continue;
            found = true;
            co_await prepare_server(server);
        }
        if (!found) {
            throw error(error_kind::not_found, "server_not_found", "provisioning.servers has no such server");
        }
    }

private:
    void tell(std::string what, bool made) const
    {
        const auto* outcome = request_.dry_run ? "would be made" : "made";
        report_({std::move(what), made ? outcome : "was there"});
    }

    task<void> prepare_broker()
    {
        const auto mounts = co_await setup_->list_mounts();
        std::map<std::string, std::string> no_options;
        co_await mount(mounts, mounts_.database, "database", no_options);
        co_await mount(mounts, mounts_.transit, "transit", no_options);
        std::map<std::string, std::string> version_2{{"version", "2"}};
        co_await mount(mounts, mounts_.kv, "kv", std::move(version_2));

        const auto methods = co_await setup_->list_auth_methods();
        const auto& approle = values_.vault.auth.provisioner.mount;
        const bool enabled = methods.count(approle + "/") != 0;
        if (!enabled && !request_.dry_run)
            co_await setup_->enable_auth(vault_client::mount_name(approle), "approle");
        tell("broker auth " + approle, !enabled);

        const identity_role router{
            "leasehold-router", servers::router_policy(mounts_), &values_.vault.auth.router};
        co_await identity(router);
        const identity_role provisioner{
            "leasehold-provisioner", servers::provisioner_policy(mounts_), &values_.vault.auth.provisioner};
        co_await identity(provisioner);

        if (request_.dry_run) co_return;
        co_await setup_->make_transit_key(vault_client::transit_key("leasehold-receipts"), "ed25519");
        report_({"broker key leasehold-receipts", "was there or made"});
    }

    task<void> mount(
        const std::map<std::string, std::string>& there,
        std::string at,
        std::string type,
        std::map<std::string, std::string> options
    )
    {
        const auto known = there.find(at + "/");
        if (known != there.end() && known->second != type) {
            throw error(
                error_kind::conflict,
                "bootstrap_differs",
                fmt::format("the broker has a mount {} of type {}, not {}", at, known->second, type)
            );
        }
        const bool missing = known == there.end();
        is_broker_new_ = is_broker_new_ || missing;
        if (missing && !request_.dry_run)
            co_await setup_->enable_mount(vault_client::mount_name(at), type, std::move(options));
        tell("broker mount " + at, missing);
    }

    task<void> identity(const identity_role& who)
    {
        const vault_client::policy_name policy(who.name);
        const auto before = co_await setup_->get_policy(policy);
        const bool same = before && *before == who.policy_text;
        auto role_file = who.files->role_id_file;
        auto secret_file = who.files->secret_id_file;
        if (request_.identities_folder) {
            role_file = *request_.identities_folder / (who.name + "-role-id");
            secret_file = *request_.identities_folder / (who.name + "-secret-id");
        }
        const bool missing =
            !role_file.empty() && !secret_file.empty() && !std::filesystem::exists(secret_file);
        if (request_.dry_run) {
            tell("broker policy " + who.name, !same);
            tell("broker identity " + who.name, missing);
            co_return;
        }
        if (!same) co_await setup_->put_policy(policy, who.policy_text);
        const auto after = co_await setup_->get_policy(policy);
        if (!after || *after != who.policy_text) {
            throw error(
                error_kind::conflict,
                "bootstrap_differs",
                fmt::format("policy {} reads back differently", who.name)
            );
        }
        tell("broker policy " + who.name, !same);

        const vault_client::mount_name at(who.files->mount);
        const vault_client::approle_name role(who.name);
        vault_client::approle_terms terms;
        terms.policies.push_back(who.name);
        co_await setup_->put_approle(at, role, terms);
        if (missing) {
            const auto role_id = co_await setup_->get_role_id(at, role);
            const auto secret_id = co_await setup_->make_secret_id(at, role);
            if (!role_file.parent_path().empty())
                std::filesystem::create_directories(role_file.parent_path());
            store_file(role_file, role_id + "\n");
            create_secret_file(secret_file, std::string(secret_id.reveal()) + "\n");
        }
        tell("broker identity " + who.name, missing);
    }

    static database::endpoint endpoint_of(const provisioned_server_config& server, std::string_view database)
    {
        database::endpoint where;
        for (const auto& host : server.hosts) {
            where.hosts.emplace_back(host.is_unix() ? host.unix_path : host.host, host.port);
        }
        where.database = database;
        where.ca_file = server.ca_file.string();
        where.application_name = "leasehold bootstrap";
        where.statement_timeout = std::chrono::seconds(60);
        return where;
    }

    static database::endpoint superuser(const provisioned_server_config& server, std::string_view database)
    {
        auto where = endpoint_of(server, database);
        where.user = server.superuser;
        if (!server.superuser_password_file.empty())
            where.password = load_secret_line(server.superuser_password_file);
        return where;
    }

    task<void> prepare_server(const provisioned_server_config& server)
    {
        const auto* const roles = " roles, base database, broker config";
        if (request_.dry_run && is_broker_new_) {
            tell(server.name + roles, true);  // there is nowhere to look
            co_return;
        }
        const auto path = servers::provisioner_path(server.name);
        const vault_client::config_name config(server.name);
        auto known = co_await setup_->get_kv(path);
        const auto broker_config = co_await setup_->get_database_config(config);
        const bool is_prepared =
            broker_config && known && known->data.count("current") != 0 && known->data.count("broker") == 0;
        if (request_.dry_run) {
            tell(server.name + roles, !is_prepared);
            co_return;
        }
        if (is_prepared) {
            tell(server.name + " roles and base database", false);
        } else {
            server_passwords passwords(std::move(known), broker_config.has_value());
            const bool done = co_await prepare_roles(server, passwords);
            if (!done) co_return;
            co_await tell_broker(server, passwords, broker_config.has_value());
        }
        co_await prove(server);
    }

    // The superuser's part. The passwords are kept at the broker before PostgreSQL learns them, so that a
    // crash between the two, or a script that nobody applies, breaks nothing; the provisioner's is `next`
    // until it has logged in. False: a script was written, and somebody has to run it.
    task<bool> prepare_roles(const provisioned_server_config& server, server_passwords& passwords)
    {
        co_await keep(server, passwords);
        bool made = false;
        if (!is_applied(server, passwords)) {
            const auto verifiers = passwords.verifiers();
            if (request_.sql_out) {
                create_secret_file(*request_.sql_out, servers::bootstrap_script(verifiers));
                report_(
                    {server.name + " script",
                     fmt::format(
                         "written to {}: run it as superuser with psql, then repeat this command",
                         request_.sql_out->string()
                     )}
                );
                co_return false;
            }
            const auto root = database::connect(superuser(server, servers::maintenance_database));
            servers::bootstrap_server(*root, verifiers, [&](const std::string& database) {
                return database::connect(superuser(server, database));
            });
            made = true;
            if (!is_applied(server, passwords)) {
                throw error(
                    error_kind::conflict,
                    "bootstrap_differs",
                    fmt::format("server {} refuses the provisioner it was given", server.name)
                );
            }
        }
        tell(server.name + " roles and base database", made);
        passwords.promote();
        co_await keep(server, passwords);
        co_return true;
    }

    task<void> keep(const provisioned_server_config& server, server_passwords& passwords)
    {
        const auto path = servers::provisioner_path(server.name);
        const auto version = co_await setup_->put_kv(path, passwords.entry(), passwords.version());
        passwords.kept(version);
    }

    // Whether the superuser's part was run to its end with these passwords, by us or by somebody's hand.
    static bool is_applied(const provisioned_server_config& server, const server_passwords& passwords)
    {
        auto where = endpoint_of(server, servers::maintenance_database);
        where.user = servers::provisioner_role;
        where.password = passwords.provisioner().clone();
        try {
            const auto as_provisioner = database::connect(where);
            if (!servers::is_base_closed(*as_provisioner)) return false;
            if (passwords.broker() == nullptr) return true;
            where.user = servers::broker_role_login;
            where.password = passwords.broker()->clone();
            database::connect(where);
            return true;
        } catch (const database::sql_error& refused) {
            const auto& state = refused.sqlstate();
            if (state != "42501" && state.substr(0, 2) != "28") throw;
            return false;
        }
    }

    // Afterwards the broker alone knows its password: the one that was kept is void, and forgotten.
    task<void>
    tell_broker(const provisioned_server_config& server, server_passwords& passwords, bool has_config)
    {
        const vault_client::config_name config(server.name);
        if (!has_config) {
            const auto terms = config_of(server);
            co_await setup_->put_database_config(config, terms, *passwords.broker());
        }
        co_await setup_->rotate_root(config);
        passwords.forget_broker();
        co_await keep(server, passwords);
        tell(server.name + " broker database config", !has_config);
    }

    static vault_client::database_config config_of(const provisioned_server_config& server)
    {
        vault_client::database_config terms;
        const auto& first = server.hosts.front();
        terms.connection_url = fmt::format(
            "postgresql://{{{{username}}}}:{{{{password}}}}@{}/postgres?sslmode=verify-full&sslrootcert={}",
            first.to_string(),
            server.broker_ca_file.string()
        );
        terms.username = servers::broker_role_login;
        terms.allowed_roles = {"rw_*", "ro_*", "migrate_*", "support_*", "ddl_*"};
        return terms;
    }

    // The server's row in the registry, and its first preflight: with the provisioner's own rights, as all
    // later ones.
    task<void> prove(const provisioned_server_config& server)
    {
        const auto provisioner = co_await open_provisioner();
        servers::access by(*provisioner);
        auto row = row_of(server);
        const auto where = co_await by.provisioner(row);
        const auto maintenance = database::connect(where);
        if (row.connection_budget == 0)
            row.connection_budget = servers::usable_connections(*maintenance) - 10;
        const auto findings = co_await servers::examine(*maintenance, row, by, *provisioner, workers_);
        co_await provisioner->revoke_self();
        for (const auto& one : findings) {
            if (one.check == "revocation_cuts" && one.ok)
                report_({server.name + " probe lease", "issued, cut by its revocation, gone"});
            if (one.ok) continue;
            report_(
                {fmt::format("{} preflight {}", server.name, one.check),
                 fmt::format("{}{}; fix: {}", one.found, one.accepted ? " (accepted)" : "", one.fix)}
            );
        }
        co_await store(row, findings, servers::version_text(maintenance->server_version()));
        if (servers::state_of(findings) != "active") {
            throw error(
                error_kind::invalid,
                "preflight_failed",
                fmt::format("server {} takes no tenants until its findings are mended", server.name)
            );
        }
    }

    // The provisioner as operations will use it: its own login, its own rights.
    task<std::unique_ptr<vault_client::broker>> open_provisioner()
    {
        auto broker = vault_client::create_vault_broker(vault_client::settings_of(values_.vault));
        const auto& files = values_.vault.auth.provisioner;
        auto role_file = files.role_id_file;
        auto secret_file = files.secret_id_file;
        if (request_.identities_folder) {
            role_file = *request_.identities_folder / "leasehold-provisioner-role-id";
            secret_file = *request_.identities_folder / "leasehold-provisioner-secret-id";
        }
        const auto role_id = load_secret_line(role_file);
        const auto secret_id = load_secret_line(secret_file);
        auto grant = co_await broker->login_approle(
            vault_client::mount_name(files.mount), std::string(role_id.reveal()), secret_id
        );
        broker->use_token(std::make_shared<const secret<std::string>>(std::move(grant.token)));
        co_return broker;
    }

    static registry::server row_of(const provisioned_server_config& server)
    {
        registry::server row;
        row.id = server_id::random();
        row.name = server.name;
        for (const auto& host : server.hosts) row.addresses.push_back(host.to_string());
        if (!server.ca_file.empty()) row.ca = load_file(server.ca_file);
        row.region = server.region;
        row.jurisdiction = server.jurisdiction;
        row.broker_config = server.name;
        row.connection_budget = server.connection_budget;
        row.accepted = server.accept;
        return row;
    }

    task<void>
    store(const registry::server& row, const std::vector<servers::finding>& findings, std::string version)
    {
        const auto where = registry::endpoint_of(values_.registry, values_.registry.control_plane);
        database::pool pool(where.clone(), 1, 8);
        registry::servers rows(pool);
        const auto who = operator_of_this_machine();
        const auto id = co_await rows.upsert(who, row);
        const auto state = servers::state_of(findings);
        co_await rows.store_preflight(who, id, servers::to_json(findings), std::move(version), state);
        report_({row.name + " registry row", state});
    }

    const config& values_;
    bootstrap_request request_;
    std::function<void(const bootstrap_event&)> report_;
    std::unique_ptr<broker_setup> setup_;
    vault_client::broker_mounts mounts_;
    bool is_broker_new_ = false;  // a mount was missing
    worker_pool workers_{"bootstrap", 1, 8};
};

}  // namespace

task<void> provision_bootstrap(
    const config& values, bootstrap_request request, std::function<void(const bootstrap_event&)> report
)
{
    bootstrap work(values, std::move(request), std::move(report));
    co_await work.run();
}

}  // namespace leasehold::control_plane
