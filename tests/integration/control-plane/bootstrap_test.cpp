#include "control_stage.hpp"
#include "eventually.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>
#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

namespace leasehold::control_plane::test {
namespace {

using leasehold::test::the_stack;

std::map<std::string, std::string> bootstrap(
    const config& values, bootstrap_request request = {}, const leasehold::test::stack& on = the_stack()
)
{
    request.bao_token = load_secret_line(on.broker.root_token_file);
    std::map<std::string, std::string> events;
    asio::io_context lane(1);
    await(lane, provision_bootstrap(values, std::move(request), [&](const bootstrap_event& one) {
              events[one.what] = one.outcome;
          }));
    return events;
}

TEST(Bootstrap, P1_ASecondTimeEverythingWasThere)
{
    const leasehold::test::installation made;
    std::map<std::string, std::string> second;
    leasehold::test::with_stack_lock([&] { second = bootstrap(made.config()); });
    int was_there = 0;
    for (const auto& [what, outcome] : second) {
        EXPECT_NE(outcome, "made") << what;
        EXPECT_NE(outcome, "differs") << what;
        if (outcome == "was there") ++was_there;
    }
    EXPECT_GE(was_there, 10);
    for (const auto& name : leasehold::test::tenant_servers()) {
        EXPECT_EQ(second.at(name + " registry row"), "active");
        EXPECT_EQ(second.count(name + " probe lease"), 1U);
        // Nothing of the proof is left.
        const auto root = database::connect(the_stack().server(name).superuser_endpoint());
        EXPECT_EQ(number(*root, "select count(*) from pg_database where datname = 'leasehold_probe'"), 0);
        EXPECT_EQ(number(*root, "select count(*) from pg_roles where rolname like '%probe%'"), 0);
    }
}

TEST(Bootstrap, P1_NeitherIdentityIsASuperuser)
{
    const leasehold::test::installation made;
    for (const auto& name : leasehold::test::tenant_servers()) {
        const auto root = database::connect(the_stack().server(name).superuser_endpoint());
        EXPECT_EQ(
            number(
                *root,
                "select count(*) from pg_roles where rolname in ('leasehold_provisioner', "
                "'leasehold_broker') "
                "and not rolsuper and not rolreplication and not rolbypassrls and rolcanlogin"
            ),
            2
        );
        EXPECT_EQ(
            number(*root, "select count(*) from pg_roles where rolname = 'leasehold_broker' and rolcreatedb"),
            0
        );
    }
}

// A server and a broker that nobody has prepared, beside the shared ones, and a configuration that knows no
// superuser of that server.
class PrivateServer : public ::testing::TestWithParam<const char*>
{
protected:
    PrivateServer()
    {
        EXPECT_EQ(stack_command(fmt::format("up --test --what {},broker", GetParam())), 0);
        own = leasehold::test::load_stack(folder / "stack" / "stack.json");
        const auto& server = own.server(GetParam());
        values.vault.url = {own.broker.url};
        values.vault.ca_file = own.broker.ca_file;
        for (auto* identity : {&values.vault.auth.router, &values.vault.auth.provisioner}) {
            identity->role_id_file = folder / identity->role_id_file.filename();
            identity->secret_id_file = folder / identity->secret_id_file.filename();
        }
        provisioned_server_config one;
        one.name = GetParam();
        one.hosts = {{server.host, server.port, {}}};
        one.ca_file = own.ca_file;
        one.broker_ca_file = own.ca_file;
        one.superuser = "nobody_of_this_name";
        one.superuser_password_file = folder / "no-password";
        create_secret_file(one.superuser_password_file, "x\n");
        one.accept = {"createrole_is_superuser", "lease_network_open"};
        values.provisioning.servers = {one};
    }
    ~PrivateServer() override { EXPECT_EQ(stack_command("clean"), 0); }

    [[nodiscard]] int stack_command(const std::string& what) const
    {
        return std::system(fmt::format(  // NOLINT(cert-env33-c, concurrency-mt-unsafe)
                               "/usr/bin/python3 {}/tools/stack.py {} --quiet --folder {}",
                               LEASEHOLD_SOURCE_FOLDER,
                               what,
                               (folder / "stack").string()
        )
                               .c_str());
    }
    // What a database administrator does with the file.
    [[nodiscard]] int apply(const std::filesystem::path& script) const
    {
        const auto& server = own.server(GetParam());
        return std::system(fmt::format(  // NOLINT(cert-env33-c, concurrency-mt-unsafe)
                               "{}/psql -X -q -h {} -p {} -U {} -d postgres -f {}",
                               server.bin_dir.string(),
                               server.socket_dir,
                               server.port,
                               server.superuser,
                               script.string()
        )
                               .c_str());
    }
    [[nodiscard]] std::int64_t roles() const
    {
        const auto root = database::connect(own.server(GetParam()).superuser_endpoint());
        return number(*root, "select count(*) from pg_roles where rolname like 'leasehold\\_%'");
    }
    std::map<std::string, std::string> run_bootstrap(bootstrap_request request = {})
    {
        return bootstrap(values, std::move(request), own);
    }
    // The code of its error.
    std::string refusal(bootstrap_request request = {})
    {
        try {
            run_bootstrap(std::move(request));
        } catch (const error& refused) {
            return refused.code();
        }
        return {};
    }
    // One statement on the server, and settings in force; leasehold_base is open only as long as it takes.
    void do_as_superuser(const std::string& database, const std::string& sql) const
    {
        const auto& server = own.server(GetParam());
        const auto root = database::connect(server.superuser_endpoint());
        const bool is_base = database == "leasehold_base";
        if (is_base) root->run_plain("alter database leasehold_base allow_connections true");
        database::connect(server.superuser_endpoint(database))->run_plain(sql);
        if (is_base) root->run_plain("alter database leasehold_base allow_connections false");
        const auto loaded = [&] {
            return database::connect(server.superuser_endpoint())
                ->run_plain_rows("select pg_conf_load_time()")
                .at(0)[0];
        };
        const auto before = loaded();
        root->run_plain_rows("select pg_reload_conf()");
        EXPECT_TRUE(leasehold::test::eventually([&] { return loaded() != before; }));
    }
    bool finds(const std::string& check) const
    {
        return made
                   .rows(fmt::format(
                       "select 1 from public.registry_server where name = '{}' and preflight @> "
                       "'[{{\"check\": \"{}\", "
                       "\"ok\": false}}]' and not preflight @> '[{{\"check\": \"{}\", \"fix\": \"\"}}]'",
                       GetParam(),
                       check,
                       check
                   ))
                   .size() == 1;
    }
    std::string state() const
    {
        return made
            .rows(fmt::format("select state from public.registry_server where name = '{}'", GetParam()))
            .at(0)[0]
            .value();
    }
    // What the broker keeps of the server's passwords.
    std::map<std::string, std::string> kept_passwords()
    {
        asio::io_context lane(1);
        const auto setup = vault_client::create_vault_setup(vault_client::settings_of(values.vault));
        setup->use_token(
            std::make_shared<const secret<std::string>>(load_secret_line(own.broker.root_token_file))
        );
        const auto entry = await(lane, setup->get_kv(servers::provisioner_path(GetParam())));
        std::map<std::string, std::string> found;
        if (!entry) return found;
        for (const auto& [name, password] : entry->data) found[name] = std::string(password.reveal());
        return found;
    }
    static bootstrap_request writing_to(const std::filesystem::path& script)
    {
        bootstrap_request request;
        request.sql_out = script;
        return request;
    }

    const leasehold::test::scratch_folder folder;
    const leasehold::test::installation made;
    config values = made.config();
    leasehold::test::stack own;
};
INSTANTIATE_TEST_SUITE_P(Servers, PrivateServer, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(PrivateServer, P1_AScriptTakesTheSuperusersPlaceAndUnappliedBreaksNothing)
{
    const std::string server = GetParam();
    bootstrap_request dry;
    dry.dry_run = true;
    int would_be_made = 0;
    for (const auto& [what, outcome] : run_bootstrap(std::move(dry))) {
        EXPECT_NE(outcome, "made") << what;
        if (outcome == "would be made") ++would_be_made;
    }
    EXPECT_GE(would_be_made, 8);

    const auto script = folder / "server.sql";
    const auto told = run_bootstrap(writing_to(script));
    EXPECT_NE(told.at(server + " script").find(script.string()), std::string::npos);
    EXPECT_EQ(told.count(server + " registry row"), 0U);
    EXPECT_EQ(told.at("broker mount database"), "made") << "the dry run had made nothing";
    EXPECT_EQ(std::filesystem::status(script).permissions(), std::filesystem::perms(0600));
    const auto text = load_file(script);
    EXPECT_NE(text.find("SCRAM-SHA-256$"), std::string::npos);
    const auto kept = kept_passwords();
    EXPECT_EQ(kept.size(), 2U);
    for (const auto& [name, password] : kept) EXPECT_EQ(text.find(password), std::string::npos) << name;

    // Nobody applies it. The server is as it was, and the command says what it lacks.
    EXPECT_EQ(roles(), 0);
    EXPECT_EQ(refusal(), "database_login_refused");
    auto& login = values.provisioning.servers.front();
    const auto password_file = std::exchange(login.superuser_password_file, {});
    EXPECT_EQ(refusal(), "database_password_missing");
    login.superuser_password_file = password_file;
    EXPECT_EQ(refusal(writing_to(script)), "file_exists");
    EXPECT_EQ(roles(), 0);
    EXPECT_EQ(kept_passwords(), kept);

    ASSERT_EQ(apply(script), 0);
    ASSERT_EQ(apply(script), 0) << "it may be repeated";
    const auto done = run_bootstrap();
    EXPECT_EQ(done.at(server + " roles and base database"), "was there");
    EXPECT_EQ(done.at(server + " broker database config"), "made");
    EXPECT_EQ(done.at(server + " registry row"), "active");
    const auto current = kept_passwords();
    EXPECT_EQ(current.size(), 1U);
    EXPECT_EQ(current.at("current"), kept.at("next"));

    const auto again = run_bootstrap(writing_to(folder / "not-written.sql"));
    EXPECT_EQ(again.at(server + " roles and base database"), "was there");
    EXPECT_FALSE(std::filesystem::exists(folder / "not-written.sql"));
}

// What is wrong with a server, done to it, and taken back.
struct wrong
{
    std::string check;
    bool refuses;
    std::string database;
    std::string done;
    std::string undone;
};

TEST_P(PrivateServer, P1_WhatIsBrokenIsNamedAndRefusedWhereItSays)
{
    const auto script = folder / "server.sql";
    run_bootstrap(writing_to(script));
    ASSERT_EQ(apply(script), 0);
    ASSERT_EQ(run_bootstrap().at(std::string(GetParam()) + " registry row"), "active");
    const std::vector<wrong> all{
        wrong{
            "identity_leasehold_provisioner",
            true,
            "postgres",
            "alter role leasehold_provisioner superuser",
            "alter role leasehold_provisioner nosuperuser"},
        wrong{
            "identity_leasehold_broker",
            true,
            "postgres",
            "grant pg_read_all_data to leasehold_broker",
            "revoke pg_read_all_data from leasehold_broker"},
        wrong{
            "public_connect",
            true,
            "postgres",
            "grant connect on database postgres to public",
            "revoke connect on database postgres from public"},
        wrong{
            "untrusted_languages",
            true,
            "postgres",
            "create language planted handler plpgsql_call_handler",
            "drop language planted"},
        wrong{
            "leasehold_base",
            true,
            "leasehold_base",
            "grant usage on schema public to public",
            "revoke usage on schema public from public"},
        wrong{
            "large_objects_open",
            true,
            "leasehold_base",
            "grant execute on function lo_create(oid) to public",
            "revoke execute on function lo_create(oid) from public"},
        wrong{"public_connect", true, "postgres", "create database planted", "drop database planted"},
        wrong{
            "password_encryption",
            true,
            "postgres",
            "alter system set password_encryption = 'md5'",
            "alter system reset password_encryption"},
        wrong{
            "temp_file_limit",
            false,
            "postgres",
            "alter system set temp_file_limit = -1",
            "alter system reset temp_file_limit"},
        wrong{
            "recovery_init_sync_method",
            false,
            "postgres",
            "alter system set recovery_init_sync_method = 'fsync'",
            "alter system reset recovery_init_sync_method"},
        wrong{
            "other_superusers",
            false,
            "postgres",
            "create role planted superuser login",
            "drop role planted"},
        wrong{
            "foreign_databases",
            false,
            "postgres",
            "create database planted allow_connections false",
            "drop database planted"},
    };
    const auto expect_found = [&](const std::string& check, bool refuses) {
        EXPECT_EQ(refusal(), refuses ? "preflight_failed" : "") << check;
        EXPECT_TRUE(finds(check)) << check;
        EXPECT_EQ(state(), refuses ? "offline" : "active") << check;
    };
    std::string mended;
    for (const auto& one : all) {
        do_as_superuser(one.database, one.done);
        expect_found(one.check, one.refuses);
        EXPECT_FALSE(finds(mended)) << mended;
        do_as_superuser(one.database, one.undone);
        mended = one.check;
    }

    // A login without TLS: what may log in is a file of whoever runs the server.
    const auto access_file = database::connect(own.server(GetParam()).superuser_endpoint())
                                 ->run_plain_rows("show hba_file")
                                 .at(0)[0]
                                 .value();
    const auto as_it_was = load_file(access_file);
    std::ofstream(access_file) << as_it_was << "host all all 127.0.0.1/32 scram-sha-256\n";
    do_as_superuser("postgres", "select 1");
    expect_found("plain_login_refused", true);
    std::ofstream(access_file) << as_it_was;
    do_as_superuser("postgres", "select 1");
    EXPECT_EQ(refusal(), "");
    EXPECT_FALSE(finds("plain_login_refused"));
    EXPECT_EQ(state(), "active");
}

}  // namespace
}  // namespace leasehold::control_plane::test
