#include "control_stage.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>
#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

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
class BootstrapByScript : public ::testing::TestWithParam<const char*>
{
protected:
    BootstrapByScript()
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
    ~BootstrapByScript() override { EXPECT_EQ(stack_command("clean"), 0); }

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
INSTANTIATE_TEST_SUITE_P(Servers, BootstrapByScript, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(BootstrapByScript, P1_AScriptTakesTheSuperusersPlaceAndUnappliedBreaksNothing)
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

}  // namespace
}  // namespace leasehold::control_plane::test
