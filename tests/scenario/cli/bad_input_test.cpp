// What goes wrong at the rim of an installation: each fault has its code and its exit code, nothing is half
// made, and beside each stands the same thing done right.
#include "configured.hpp"
#include "eventually.hpp"
#include "free_port.hpp"
#include "installation.hpp"
#include "occupied_port.hpp"
#include "scratch_broker.hpp"
#include "test_authority.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <functional>

namespace leasehold::test {
namespace {

namespace fs = std::filesystem;

void expect_refused(const ended& how, int exit_code, const std::string& code)
{
    EXPECT_EQ(how.exit_code, exit_code) << how.err;
    EXPECT_NE(how.err.find(code), std::string::npos) << how.err;
    EXPECT_NE(how.err.find("fix:"), std::string::npos) << how.err;
}

std::vector<std::uint16_t> ports_of(const leasehold::config& values)
{
    return {
        values.control_plane.listen.port,
        values.router.listen.at(0).port,
        values.agents.listen.port,
        values.metrics.listen.port};
}

// A configuration with one tenant on a registry that has never been migrated.
struct fresh
{
    fresh() : here(with(registry.config())) {}
    static leasehold::config with(const registry_config& registry)
    {
        leasehold::config values;
        values.registry = registry;
        return values;
    }
    [[nodiscard]] std::size_t relations() const
    {
        return database::connect(registry.as_superuser())
            ->run_plain_rows("select 1 from pg_class where relnamespace = 'public'::regnamespace")
            .size();
    }

    const empty_registry registry;
    configured here;
};

TEST(BadInput, AnUnusableConfigurationStartsNothingAndNamesEveryProblem)
{
    const fresh one;
    const auto good = load_file(one.here.file());
    store_file(one.here.file(), good + "routers: { lanes: 1 }\nlogs: { level: info }\n");
    for (const auto* command : {"serve", "migrate"}) {
        const auto how = one.here.local({command});
        expect_refused(how, 78, "config_invalid");
        for (const auto* part :
             {"routers: unknown key, the nearest is router", "logs: unknown key, the nearest is log"})
            EXPECT_NE(how.err.find(part), std::string::npos) << part << how.err;
    }
    EXPECT_EQ(one.relations(), 0U);
    store_file(one.here.file(), good);
    EXPECT_EQ(one.here.local({"migrate"}).exit_code, 0);
    EXPECT_GT(one.relations(), 0U);
}

TEST(BadInput, ASecretFileThatOthersMayReadIsRefused)
{
    const fresh one;
    const auto& file = one.registry.config().migrate.password_file;
    fs::permissions(file, fs::perms::others_read, fs::perm_options::add);
    expect_refused(one.here.local({"migrate"}), 65, "secret_file_world_readable");
    expect_refused(one.here.local({"config", "check"}), 78, "secret_file_world_readable");
    expect_refused(one.here.local({"serve"}), 78, "secret_file_world_readable");
    EXPECT_EQ(one.relations(), 0U);
    fs::permissions(file, fs::perms::others_read, fs::perm_options::remove);
    EXPECT_EQ(one.here.local({"config", "check"}).exit_code, 0);
    EXPECT_EQ(one.here.local({"migrate"}).exit_code, 0);
}

TEST(BadInput, WithoutPostgresqlNothingStarts)
{
    fresh one;
    const auto right = one.here.values.registry.hosts;
    one.here.values.registry.hosts = {{"127.0.0.1", free_port(), {}}};
    one.here.save();
    for (const auto& command :
         std::vector<std::vector<std::string>>{{"migrate"}, {"migrate", "status"}, {"serve"}})
        expect_refused(one.here.local(command), 69, "database_unavailable");
    for (const auto port : ports_of(one.here.values)) EXPECT_FALSE(listens(port));
    EXPECT_FALSE(fs::exists(one.here.values.security.hmac_key_file));

    one.here.values.registry.hosts = right;
    one.here.save();
    EXPECT_EQ(one.here.local({"migrate"}).exit_code, 0);
    const auto serving = one.here.serve();
    for (const auto port : ports_of(one.here.values)) EXPECT_TRUE(listens(port));
}

TEST(BadInput, ACertificateThatDoesNotMatchIsRefusedEverywhere)
{
    fresh one;
    test_authority stranger(one.here / "", "stranger");

    // The registry's server: another authority, another name.
    const auto right = one.here.values.registry;
    one.here.values.registry.ca_file = stranger.ca_file();
    one.here.save();
    expect_refused(one.here.local({"migrate"}), 69, "database_unavailable");
    expect_refused(one.here.local({"serve"}), 69, "database_unavailable");
    EXPECT_EQ(one.relations(), 0U);
    one.here.values.registry = right;
    one.here.save();
    ASSERT_EQ(one.here.local({"migrate"}).exit_code, 0);

    // Listeners: a key that is not the certificate's.
    const auto first = stranger.issue("first", "DNS:localhost,IP:127.0.0.1");
    const auto second = stranger.issue("second", "DNS:localhost,IP:127.0.0.1");
    const auto plain = one.here.values;
    const tls_files mixed{first.cert_file, second.key_file};
    for (auto* listener :
         {&one.here.values.control_plane.tls, &one.here.values.router.tls, &one.here.values.agents.tls}) {
        *listener = mixed;
        one.here.values.control_plane.public_url = "https://" + plain.control_plane.listen.to_string();
        if (!one.here.values.control_plane.tls.is_set())
            one.here.values.control_plane.public_url = plain.control_plane.public_url;
        one.here.save();
        expect_refused(one.here.local({"serve"}), 65, "tls_files_unusable");
        for (const auto port : ports_of(plain)) EXPECT_FALSE(listens(port));
        *listener = {};
    }

    // Whoever calls: the API's certificate is of an authority that the caller does not know.
    one.here.values = plain;
    one.here.values.control_plane.tls = first;
    one.here.values.control_plane.public_url = "https://" + plain.control_plane.listen.to_string();
    one.here.save();
    const auto serving = one.here.serve();
    const auto trusted = one.here.call({"whoami", "--ca", stranger.ca_file()});
    EXPECT_EQ(trusted.exit_code, 0) << trusted.err;
    expect_refused(one.here.call({"whoami", "--ca", the_stack().ca_file.string()}), 69, "http_tls");
}

TEST(BadInput, ATakenPortOfAnyListenerEndsTheStart)
{
    fresh one;
    ASSERT_EQ(one.here.local({"migrate"}).exit_code, 0);
    const auto ports = ports_of(one.here.values);
    for (const auto taken : ports) {
        const occupied_port other(taken);
        const auto how = one.here.local({"serve"});
        expect_refused(how, 73, "address_in_use");
        EXPECT_NE(how.err.find(std::to_string(taken)), std::string::npos) << how.err;
        for (const auto port : ports) EXPECT_EQ(listens(port), port == taken);
    }
    const auto serving = one.here.serve();
    for (const auto port : ports) EXPECT_TRUE(listens(port));
}

// One tenant is behind, so `migrate` needs a lease for it: what the broker refuses leaves everything as it
// was.
TEST(BadInput, ABrokerThatRefusesOrIsSealedStopsMigrateBeforeAnyTenant)
{
    const installation made;
    configured here(made.config());
    made.run("insert into public.registry_tenant (id, tid, slug, name) values "
             "('11111111-1111-4111-8111-111111111111', 'aaaaaaaaaa', 'acme', 'acme'), "
             "('22222222-2222-4222-8222-222222222222', 'bbbbbbbbbb', 'globex', 'globex')");
    made.run(
        "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
        "select t.id, 1, s.id, 't_' || t.tid || '_1', 't_' || t.tid || '_1', 'current' "
        "from public.registry_tenant t, public.registry_server s where s.name = 'eu-1'"
    );
    made.run("update public.registry_tenant set state = 'active'");
    const auto states = [&] {
        return made.rows("select 1 from public.registry_schema_state where chain = 'tenant'").size();
    };
    const std::vector<std::string> migrate{"migrate", "--no-progress"};
    const auto right = here.values.vault;

    store_file(here / "wrong-secret", "not-the-secret\n");
    here.values.vault.auth.provisioner.secret_id_file = here / "wrong-secret";
    here.save();
    expect_refused(here.local(migrate), 69, "broker_login_refused");

    store_file(here / "wrong-token", "s.wrong\n");
    here.values.vault.auth.provisioner.method = "token";
    here.values.vault.auth.provisioner.token_file = here / "wrong-token";
    here.save();
    expect_refused(here.local(migrate), 69, "broker_");
    expect_refused(
        here.local({"provision-bootstrap", "--bao-token", "file:" + (here / "wrong-token").string()}),
        69,
        "broker_token_dead"
    );

    here.values.vault = right;
    const test_authority stranger(here / "", "stranger");
    here.values.vault.ca_file = stranger.ca_file();
    here.save();
    expect_refused(here.local(migrate), 69, "broker_tls");

    scratch_broker sealed;
    sealed.seal();
    here.values.vault = right;
    here.values.vault.url = {sealed.url()};
    here.save();
    expect_refused(here.local(migrate), 69, "broker_sealed");
    expect_refused(here.local({"migrate", "--managed-broker"}), 69, "broker_sealed");
    EXPECT_EQ(states(), 0U);

    // The right broker lets it come as far as the tenants, whose databases are not there.
    here.values.vault = right;
    here.save();
    const auto far = here.local({"migrate"});
    EXPECT_EQ(far.exit_code, 1) << far.err;
    EXPECT_NE(far.err.find("acme"), std::string::npos) << far.err;
    EXPECT_NE(far.err.find("globex"), std::string::npos) << far.err;
    EXPECT_EQ(states(), 0U);
}

http::answer
post(const std::string& origin, const std::string& target, const std::string& body, const path& key_file)
{
    http::client client(*http::origin::parse(origin), http::client_settings());
    http::request request(http::method::post, target);
    request.fields.set("Content-Type", "application/json");
    request.fields.set("Authorization", "Bearer " + std::string(load_secret_line(key_file).reveal()));
    request.body = body;
    return run(client.send(std::move(request), std::chrono::seconds(20)));
}

TEST(BadInput, WhatTheApiRefusesLeavesNothingBehind)
{
    const installation made;
    const configured here(made.config());
    const auto serving = here.serve();
    const auto tenants = [&] { return made.rows("select 1 from public.registry_tenant").size(); };
    const auto good = here.call({"tenant", "create", "acme", "--region", "eu"});
    ASSERT_EQ(good.exit_code, 0) << good.err << serving->err();
    ASSERT_EQ(here.call({"tenant", "create", "globex", "--region", "us"}).exit_code, 0);
    ASSERT_EQ(tenants(), 2U);

    expect_refused(here.call({"tenant", "create", "acme", "--region", "us"}), 73, "slug_taken");
    for (const auto* reserved : {"admin", "api", "registry"})
        expect_refused(here.call({"tenant", "create", reserved}), 65, "name_reserved");
    const std::string long_one(41, 'a');
    for (const std::string& unsafe :
         {std::string("Acme"),
          std::string("ac_me"),
          std::string("acme.corp"),
          std::string("acme-"),
          std::string("1acme"),
          std::string("xn--acme"),
          long_one})
        expect_refused(here.call({"tenant", "create", unsafe}), 65, "slug_invalid");

    const auto& key = here.values.control_plane.bootstrap.key_file;
    const auto refused = [&](const std::string& origin, const std::string& target, const std::string& body) {
        const auto answer = post(origin, target, body, key);
        const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
        return fmt::format(
            "{} {}", answer.status, problem.is_object() ? problem.value("code", "") : answer.body
        );
    };
    const std::string tenants_route = "/api/v1/tenants";
    EXPECT_EQ(refused(here.api(), tenants_route, R"({"slug": "half)"), "400 body_malformed");
    EXPECT_EQ(refused(here.api(), tenants_route, R"({"slug": "initech"} and more)"), "400 body_malformed");
    EXPECT_EQ(refused(here.api(), tenants_route, R"(["slug"])"), "422 field_invalid");
    EXPECT_EQ(
        refused(
            here.api(), tenants_route, R"({"slug": "initech", "name": ")" + std::string(70000, 'x') + "\"}"
        ),
        "413 body_too_large"
    );
    EXPECT_EQ(refused(here.agents(), "/agent/v1/enroll", R"({"name": "half)"), "400 body_malformed");
    EXPECT_EQ(
        refused(here.agents(), "/agent/v1/enroll", R"({"name": ")" + std::string(2U << 20U, 'x') + "\"}"),
        "413 body_too_large"
    );

    EXPECT_EQ(tenants(), 2U);
    EXPECT_EQ(made.rows("select 1 from public.registry_operation where kind = 'provision'").size(), 2U);
    EXPECT_EQ(made.rows("select 1 from public.registry_host").size(), 0U);
}

TEST(BadInput, TheWrongProtocolIsToldSoOnEveryPort)
{
    fresh one;
    ASSERT_EQ(one.here.local({"migrate"}).exit_code, 0);
    const auto serving = one.here.serve();

    // psql on the HTTP ports is answered in its own language; the same psql reaches the router.
    const auto psql = [&](std::uint16_t port) {
        return program(
                   the_stack().server("registry").bin_dir / "psql",
                   {"-X",
                    "-w",
                    fmt::format("postgresql://nobody@127.0.0.1:{}/default?sslmode=disable", port),
                    "-c",
                    "select 1"}
        )
            .wait();
    };
    for (const auto port : {one.here.values.control_plane.listen.port, one.here.values.agents.listen.port}) {
        const auto said = psql(port);
        EXPECT_NE(said.exit_code, 0);
        EXPECT_NE(said.err.find("HTTP"), std::string::npos) << said.err;
    }
    const auto routed = psql(one.here.values.router.listen.at(0).port);
    EXPECT_EQ(routed.err.find("HTTP"), std::string::npos) << routed.err;
    EXPECT_NE(routed.err.find("password"), std::string::npos) << routed.err;

    // HTTP on the PostgreSQL port gets no answer that could be taken for one.
    const auto router = fmt::format("http://{}", one.here.values.router.listen.at(0).to_string());
    const auto lost = leasehold({"whoami", "--server", router}, {{"LEASEHOLD_KEY", "lh_api_nonsense"}});
    EXPECT_EQ(lost.exit_code, 69) << lost.err;
    EXPECT_EQ(one.here.local({"health"}).exit_code, 0);
}

}  // namespace
}  // namespace leasehold::test
