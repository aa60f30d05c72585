#include "servers/access.hpp"
#include "servers/policies.hpp"
#include "servers/preflight.hpp"
#include "servers/recipes.hpp"

#include <leasehold/base/crypto.hpp>
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

using vault_client::broker_setup;

constexpr int scram_iterations = 4096;  // PostgreSQL's own default; the passwords are random

struct identity_role
{
    std::string name;
    std::string policy_text;
    const broker_identity_config* files;
};

std::string random_password()
{
    return crypto::to_base64url(crypto::random_bytes(32));
}

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
    void tell(std::string what, bool made) const { report_({std::move(what), made ? "made" : "was there"}); }

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
        if (!enabled) co_await setup_->enable_auth(vault_client::mount_name(approle), "approle");
        tell("broker auth " + approle, !enabled);

        const identity_role router{
            "leasehold-router", servers::router_policy(mounts_), &values_.vault.auth.router};
        co_await identity(router);
        const identity_role provisioner{
            "leasehold-provisioner", servers::provisioner_policy(mounts_), &values_.vault.auth.provisioner};
        co_await identity(provisioner);

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
        if (missing) co_await setup_->enable_mount(vault_client::mount_name(at), type, std::move(options));
        tell("broker mount " + at, missing);
    }

    task<void> identity(const identity_role& who)
    {
        const vault_client::policy_name policy(who.name);
        const auto before = co_await setup_->get_policy(policy);
        const bool same = before && *before == who.policy_text;
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

        auto role_file = who.files->role_id_file;
        auto secret_file = who.files->secret_id_file;
        if (request_.identities_folder) {
            role_file = *request_.identities_folder / (who.name + "-role-id");
            secret_file = *request_.identities_folder / (who.name + "-secret-id");
        }
        const bool missing =
            !role_file.empty() && !secret_file.empty() && !std::filesystem::exists(secret_file);
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

    database::endpoint endpoint_of(const provisioned_server_config& server, std::string database) const
    {
        database::endpoint where;
        for (const auto& host : server.hosts) {
            where.hosts.emplace_back(host.is_unix() ? host.unix_path : host.host, host.port);
        }
        where.database = std::move(database);
        where.ca_file = server.ca_file.string();
        where.application_name = "leasehold bootstrap";
        where.statement_timeout = std::chrono::seconds(60);
        return where;
    }

    database::endpoint superuser(const provisioned_server_config& server, std::string database) const
    {
        auto where = endpoint_of(server, std::move(database));
        where.user = server.superuser;
        if (!server.superuser_password_file.empty())
            where.password = load_secret_line(server.superuser_password_file);
        return where;
    }

    task<void> prepare_server(const provisioned_server_config& server)
    {
        const auto path = servers::provisioner_path(server.name);
        auto known = co_await setup_->get_kv(path);
        const vault_client::config_name config(server.name);
        const auto broker_config = co_await setup_->get_database_config(config);

        if (!known || !broker_config) {
            co_await prepare_roles(server, known.has_value(), broker_config.has_value());
            auto written = co_await setup_->get_kv(path);
            known = std::move(written);
        } else {
            tell(server.name + " roles and base database", false);
        }
        co_await prove(server, *known);
    }

    // The superuser's part. The provisioner's password is kept as `next` before PostgreSQL learns it, so that
    // a crash between the two breaks nothing; it is promoted once it has logged in.
    task<void> prepare_roles(const provisioned_server_config& server, bool has_kv, bool has_config)
    {
        const auto path = servers::provisioner_path(server.name);
        auto provisioner_password = random_password();
        auto broker_password = random_password();
        std::optional<int> version = 0;
        if (const auto before = co_await setup_->get_kv(path); before) {
            version = before->version;
            const auto next = before->data.find("next");
            const auto current = before->data.find("current");
            if (next != before->data.end() && !next->second.empty()) {
                provisioner_password = std::string(next->second.reveal());
            } else if (current != before->data.end()) {
                provisioner_password = std::string(current->second.reveal());
            }
        }
        if (!has_kv) {
            std::map<std::string, secret<std::string>> next;
            next.emplace("next", secret<std::string>(provisioner_password));
            const auto written = co_await setup_->put_kv(path, next, version);
            version = written;
        }

        const auto provisioner_verifier = crypto::make_scram_verifier(provisioner_password, scram_iterations);
        const auto broker_verifier = crypto::make_scram_verifier(broker_password, scram_iterations);
        const auto root = database::connect(superuser(server, std::string(servers::maintenance_database)));
        const auto made = servers::bootstrap_server(*root, provisioner_verifier, broker_verifier);
        if (!made.made_provisioner)
            servers::set_password(*root, servers::provisioner_role, provisioner_verifier);
        if (!made.made_broker && !has_config)
            servers::set_password(*root, servers::broker_role_login, broker_verifier);
        servers::open_base(*root);
        {
            const auto inside = database::connect(superuser(server, std::string(servers::base_database)));
            servers::harden_base(*inside);
        }
        servers::close_base(*root);
        tell(server.name + " provisioner login", made.made_provisioner);
        tell(server.name + " broker login", made.made_broker);
        tell(server.name + " base database", made.made_base);

        auto as_provisioner = endpoint_of(server, std::string(servers::maintenance_database));
        as_provisioner.user = servers::provisioner_role;
        as_provisioner.password = secret<std::string>(provisioner_password);
        database::connect(as_provisioner);
        std::map<std::string, secret<std::string>> current;
        current.emplace("current", secret<std::string>(provisioner_password));
        co_await setup_->put_kv(path, current, version);
        wipe(provisioner_password);

        if (!has_config) {
            const vault_client::config_name config(server.name);
            const auto terms = config_of(server);
            const secret<std::string> password = secret<std::string>::take(std::move(broker_password));
            co_await setup_->put_database_config(config, terms, password);
            co_await setup_->rotate_root(config);
        }
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

    // A probe lease logs in and is revoked while connected; then the registry row, and the preflight.
    task<void> prove(const provisioned_server_config& server, const vault_client::kv_entry& passwords)
    {
        auto as_provisioner = endpoint_of(server, std::string(servers::maintenance_database));
        as_provisioner.user = servers::provisioner_role;
        as_provisioner.password = passwords.data.at("current").clone();
        const auto maintenance = database::connect(as_provisioner);

        const bool open = co_await probe_lease(server, *maintenance);
        report_({server.name + " probe lease", "issued, logged in, cut by its revocation, gone"});

        const auto budget = server.connection_budget != 0 ? std::int64_t{server.connection_budget}
                                                          : servers::usable_connections(*maintenance) - 10;
        servers::network_facts network;
        network.plain_login_refused = servers::is_plain_login_refused(as_provisioner);
        network.lease_network_open = open;
        const auto findings = servers::run_preflight(*maintenance, network, server.accept, budget);
        for (const auto& one : findings) {
            if (one.ok) continue;
            report_(
                {fmt::format("{} preflight {}", server.name, one.check),
                 fmt::format("{}{}; fix: {}", one.found, one.accepted ? " (accepted)" : "", one.fix)}
            );
        }
        co_await store(server, *maintenance, findings, budget);
        if (servers::state_of(findings) != "active") {
            throw error(
                error_kind::invalid,
                "preflight_failed",
                fmt::format("server {} takes no tenants until its findings are mended", server.name)
            );
        }
    }

    // True: the lease could log in from here, which is no router. The probe's own database and role come and
    // go.
    task<bool> probe_lease(const provisioned_server_config& server, database::session& maintenance)
    {
        servers::create_probe(maintenance);
        const vault_client::broker_role role("rw_probe");
        vault_client::role_terms terms;
        terms.server = vault_client::config_name(server.name);
        terms.creation_statements = servers::probe_creation_statements(maintenance.server_version());
        terms.revocation_statements = servers::revocation_statements();
        terms.default_ttl = std::chrono::minutes(5);
        terms.max_ttl = std::chrono::minutes(5);

        auto provisioner = co_await open_provisioner();
        co_await provisioner->put_role(role, terms);
        const auto lease = co_await provisioner->issue(role, vault_client::write_index());
        auto as_lease = endpoint_of(server, std::string(servers::probe_database));
        as_lease.user = lease.username;
        as_lease.password = lease.password.clone();
        const auto session = database::connect(as_lease);
        co_await provisioner->revoke(lease.id, vault_client::completion::done);
        const bool cut = servers::is_probe_over(maintenance, *session, lease.username);
        co_await provisioner->delete_role(role);
        servers::drop_probe(maintenance);
        co_await provisioner->revoke_self();
        if (!cut) {
            throw error(
                error_kind::conflict,
                "bootstrap_differs",
                fmt::format("server {}: a revoked probe lease was still alive", server.name)
            );
        }
        co_return true;
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

    task<void> store(
        const provisioned_server_config& server,
        database::session& maintenance,
        const std::vector<servers::finding>& findings,
        std::int64_t budget
    )
    {
        const auto where = registry::endpoint_of(values_.registry, values_.registry.control_plane);
        database::pool pool(where.clone(), 1, 8);
        registry::servers rows(pool);
        registry::server row;
        row.id = server_id::random();
        row.name = server.name;
        for (const auto& host : server.hosts) row.addresses.push_back(host.to_string());
        if (!server.ca_file.empty()) row.ca = load_file(server.ca_file);
        row.region = server.region;
        row.jurisdiction = server.jurisdiction;
        row.broker_config = server.name;
        row.connection_budget = budget;
        row.accepted = server.accept;
        auto who = operator_of_this_machine();
        const auto id = co_await rows.upsert(who, row);
        const auto version = maintenance.server_version();
        auto text = fmt::format("{}.{}", version / 10000, version % 10000);
        co_await rows.store_preflight(
            who, id, servers::to_json(findings), std::move(text), servers::state_of(findings)
        );
        report_({server.name + " registry row", servers::state_of(findings)});
    }

    const config& values_;
    bootstrap_request request_;
    std::function<void(const bootstrap_event&)> report_;
    std::unique_ptr<broker_setup> setup_;
    vault_client::broker_mounts mounts_;
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
