// `leasehold migrate --managed-broker` on a machine where nothing is yet: the real program and a real broker
// that nobody but it starts.
#include "configured.hpp"
#include "eventually.hpp"
#include "free_port.hpp"
#include "installation.hpp"
#include "lane_driver.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <sstream>

namespace leasehold::test {
namespace {

namespace vc = leasehold::vault_client;

// Name and checksum of each file, as the version table of a chain and its CHECKSUMS list them.
using files = std::map<std::string, std::string>;

files files_of(const std::string& chain)
{
    std::istringstream lines(
        load_file(fmt::format("{}/migrations/{}/CHECKSUMS", LEASEHOLD_SOURCE_FOLDER, chain))
    );
    files found;
    for (std::string name, checksum; lines >> name >> checksum;) found.emplace(name, checksum);
    return found;
}

files files_in(const database::endpoint& where, const std::string& version_table)
{
    files found;
    for (const auto& row :
         database::connect(where)->run_plain_rows("select name, checksum from public." + version_table))
        found.emplace(row.get<std::string>("name"), row.get<std::string>("checksum"));
    return found;
}

std::string newest_of(const database::endpoint& where, const std::string& version_table)
{
    return database::connect(where)
        ->run_plain_rows("select max(applied_at)::text from public." + version_table)
        .at(0)[0]
        .value();
}

// A broker of this machine: configuration and data, but no process. `migrate` is told of it.
class resting_broker
{
public:
    explicit resting_broker(leasehold::config& values)
    {
        url_ = fmt::format("http://127.0.0.1:{}", port_);
        store_file(
            config_file(),
            fmt::format(
                "storage \"pebbledb\" {{ path = \"{}\" }}\n"
                "listener \"tcp\" {{ address = \"127.0.0.1:{}\" tls_disable = true }}\n"
                "disable_mlock = true\napi_addr = \"{}\"\n",
                (folder_ / "data").string(),
                port_,
                url_
            )
        );
        values.vault.enabled = true;
        values.vault.url = {url_};
        values.vault.ca_file.clear();
        values.vault.bootstrap.binary = the_stack().broker.binary.string();
        values.vault.bootstrap.config_file = config_file();
        values.vault.bootstrap.data_path = folder_ / "data";
        values.vault.bootstrap.keys_file = keys_file();
        values.vault.auth.provisioner.method = "token";
        values.vault.auth.provisioner.token_file = folder_ / "root-token";
    }

    [[nodiscard]] std::filesystem::path keys_file() const { return folder_ / "keys.json"; }
    [[nodiscard]] vc::node_state state() const
    {
        return run(vc::create_vault_broker(settings())->health()).state;
    }

    // As an operator: started and unsealed by hand, until the program goes.
    [[nodiscard]] std::unique_ptr<program> start() const
    {
        auto running = std::make_unique<program>(
            the_stack().broker.binary, std::vector<std::string>{"server", "-config=" + config_file().string()}
        );
        eventually([&] { return state() != vc::node_state::unreachable; });
        const auto key = keys().at("unseal_keys_b64").at(0).get<std::string>();
        run(vc::create_vault_setup(settings())->unseal(secret<std::string>(std::string_view(key))));
        eventually([&] { return state() == vc::node_state::active; });
        return running;
    }

    // With the root token that the first start left.
    void prepare(const std::function<void(vc::broker_setup&, vc::broker&)>& work) const
    {
        const auto token = keys().at("root_token").get<std::string>();
        const auto shared = std::make_shared<const secret<std::string>>(std::string_view(token));
        create_secret_file(folder_ / "root-token", token + "\n");
        const auto setup = vc::create_vault_setup(settings());
        const auto broker = vc::create_vault_broker(settings());
        setup->use_token(shared);
        broker->use_token(shared);
        work(*setup, *broker);
    }

    template <class T>
    T run(task<T> work) const
    {
        return await(*lane_, std::move(work));
    }

private:
    [[nodiscard]] std::filesystem::path config_file() const { return folder_ / "bao.hcl"; }
    [[nodiscard]] nlohmann::json keys() const { return nlohmann::json::parse(load_file(keys_file())); }
    [[nodiscard]] vc::broker_settings settings() const
    {
        vc::broker_settings made;
        made.nodes = {url_};
        return made;
    }

    scratch_folder folder_;
    std::uint16_t port_ = free_port();
    std::string url_;
    std::unique_ptr<asio::io_context> lane_ = std::make_unique<asio::io_context>(1);
};

// A tenant with an empty database on one server, and a migrate role for it at the broker: what provisioning
// would leave, without its template.
class empty_tenant
{
public:
    empty_tenant(const std::string& slug, const std::string& server)
        : slug_(slug)
        , database_(the_stack().server(server), "first")
        , broker_login_("test_broker_" + crypto::to_hex(crypto::random_bytes(4)))
    {}
    ~empty_tenant()
    {
        try {
            const auto root = database::connect(database_.server().superuser_endpoint());
            root->run_plain(fmt::format("revoke connect on database postgres from {}", broker_login_));
            for (const auto& row : root->run_plain_rows(fmt::format(
                     "select rolname from pg_roles where rolname ~ '^lease_migrate_{}_'", tid::of(id_).text()
                 )))
                root->run_plain(fmt::format("drop role \"{}\"", row[0].value()));
            root->run_plain("drop role " + broker_login_);
        } catch (const std::exception& why) {
            ADD_FAILURE() << "the tenant's logins were not dropped: " << why.what();
        }
    }
    empty_tenant(const empty_tenant&) = delete;
    empty_tenant& operator=(const empty_tenant&) = delete;

    void enter(database::session& registry) const
    {
        const auto& server = database_.server();
        const auto rows = registry.run_plain_rows(
            "select value #>> '{}' as id from public.registry_setting where key = 'installation'"
        );
        registry.run_plain(fmt::format(
            "insert into public.registry_server (name, addresses, ca, connection_budget, state) "
            "values ('{0}', array['{1}:{2}'], {3}, 50, 'active');"
            "insert into public.registry_tenant (id, tid, slug, name) values ('{4}', '{5}', '{6}', '{6}');"
            "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
            "select '{4}', 1, id, 't_{5}_1', '{7}', 'current' from public.registry_server where name = '{0}';"
            "update public.registry_tenant set state = 'active' where id = '{4}'",
            server.name,
            server.host,
            server.port,
            registry.quote_literal(load_file(server.ca_file)),
            id_.to_string(),
            tid::of(id_).text(),
            slug_,
            database_.name()
        ));
        database::connect(server.superuser_endpoint())
            ->run_plain(fmt::format(
                "comment on database {} is 'leasehold/1 {} {} {} 1'",
                database_.name(),
                rows.at(0)[0].value(),
                id_.to_string(),
                tid::of(id_).text()
            ));
    }

    void make_role(const resting_broker& at, vc::broker_setup& setup, vc::broker& broker) const
    {
        const auto& server = database_.server();
        const auto password = crypto::to_hex(crypto::random_bytes(16));
        const auto root = database::connect(server.superuser_endpoint());
        root->run_plain(fmt::format("create role {} login createrole password '{}'", broker_login_, password)
        );
        root->run_plain(fmt::format("grant connect on database postgres to {}", broker_login_));
        root->run_plain(fmt::format("grant {} to {} with admin option", database_.owner(), broker_login_));

        vc::database_config where;
        where.connection_url = fmt::format(
            "postgresql://{{{{username}}}}:{{{{password}}}}@{}:{}/"
            "postgres?sslmode=verify-full&sslrootcert={}",
            server.host,
            server.port,
            server.ca_file.string()
        );
        where.username = broker_login_;
        where.allowed_roles = {"migrate_*"};
        const vc::config_name config(server.name);
        at.run(setup.put_database_config(config, where, secret<std::string>(std::string_view(password))));
        vc::role_terms terms;
        terms.server = config;
        terms.creation_statements = {
            fmt::format(
                "CREATE ROLE \"{{{{name}}}}\" LOGIN PASSWORD '{{{{password}}}}' VALID UNTIL "
                "'{{{{expiration}}}}' IN ROLE {}",
                database_.owner()
            ),
            fmt::format("ALTER ROLE \"{{{{name}}}}\" SET role = '{}'", database_.owner())};
        terms.revocation_statements = {"DROP ROLE IF EXISTS \"{{name}}\""};
        at.run(broker.put_role(vc::role_of(role_class::migrate, tid::of(id_), 1), terms));
    }

    [[nodiscard]] database::endpoint inside() const { return database_.superuser_endpoint(); }

private:
    std::string slug_;
    scratch_database database_;
    std::string broker_login_;
    tenant_id id_ = tenant_id::random();
};

TEST(FirstMigration, G1_TheBrokerIsStartedAndStoppedAndEveryVersionTableIsItsChecksums)
{
    const empty_registry registry;
    auto values = installation_config(registry.config(), registry.folder());
    const resting_broker broker(values);
    const configured here(std::move(values));
    const std::vector<std::string> migrate{"migrate", "--managed-broker"};
    const auto registry_files = files_of("registry");
    const auto shared_files = files_of("shared");
    const auto tenant_files = files_of("tenant");
    ASSERT_FALSE(registry_files.empty() || shared_files.empty() || tenant_files.empty());

    // Nothing is there: broker initialised, registry and shared chain applied.
    ASSERT_EQ(broker.state(), vc::node_state::unreachable);
    const auto first = here.local(migrate);
    ASSERT_EQ(first.exit_code, 0) << first.err;
    EXPECT_EQ(files_in(registry.as_superuser(), "registry_schema_version"), registry_files);
    EXPECT_EQ(files_in(registry.as_superuser(), "shared_schema_version"), shared_files);
    EXPECT_NE(first.err.find("initialised"), std::string::npos) << first.err;
    EXPECT_EQ(broker.state(), vc::node_state::unreachable);
    EXPECT_EQ(
        std::filesystem::status(broker.keys_file()).permissions(),
        std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
    );

    // Again: as it was.
    const auto at = newest_of(registry.as_superuser(), "registry_schema_version");
    const auto second = here.local(migrate);
    ASSERT_EQ(second.exit_code, 0) << second.err;
    EXPECT_EQ(second.out.find("→"), std::string::npos) << second.out;
    EXPECT_EQ(newest_of(registry.as_superuser(), "registry_schema_version"), at);
    EXPECT_EQ(broker.state(), vc::node_state::unreachable);

    // Two tenants with empty databases: the broker is started and unsealed for their leases.
    const empty_tenant acme("acme", "eu-1");
    const empty_tenant globex("globex", "us-1");
    {
        const auto running = broker.start();
        broker.prepare([&](vc::broker_setup& setup, vc::broker& with) {
            broker.run(setup.enable_mount(vc::mount_name("database"), "database", {}));
            for (const auto* tenant : {&acme, &globex}) tenant->make_role(broker, setup, with);
        });
        running->signal(SIGTERM);
        running->wait();
    }
    const auto session = database::connect(registry.as_superuser());
    for (const auto* tenant : {&acme, &globex}) tenant->enter(*session);
    ASSERT_EQ(broker.state(), vc::node_state::unreachable);
    const auto third = here.local(migrate);
    ASSERT_EQ(third.exit_code, 0) << third.out << third.err;
    for (const auto* tenant : {&acme, &globex})
        EXPECT_EQ(files_in(tenant->inside(), "schema_version"), tenant_files);
    EXPECT_EQ(broker.state(), vc::node_state::unreachable);

    // One that runs is used, and left running; the same with nothing to do.
    auto more = here.values;
    scratch_folder own;
    store_file(
        own / "5000_create_note.sql",
        "-- leasehold: phase expand\ncreate table note (id bigint primary key);\n"
    );
    more.migrations.tenant_dir = own.path();
    configured extended(std::move(more));
    const auto running = broker.start();
    const auto fourth = extended.local(migrate);
    ASSERT_EQ(fourth.exit_code, 0) << fourth.out << fourth.err;
    for (const auto* tenant : {&acme, &globex})
        EXPECT_EQ(files_in(tenant->inside(), "schema_version").size(), tenant_files.size() + 1);
    EXPECT_TRUE(running->is_running());
    EXPECT_EQ(broker.state(), vc::node_state::active);
    const auto last = newest_of(acme.inside(), "schema_version");
    const auto fifth = extended.local(migrate);
    ASSERT_EQ(fifth.exit_code, 0) << fifth.err;
    EXPECT_EQ(newest_of(acme.inside(), "schema_version"), last);
    EXPECT_EQ(broker.state(), vc::node_state::active);
}

}  // namespace
}  // namespace leasehold::test
