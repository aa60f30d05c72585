#include "fake_clock.hpp"
#include "router_stage.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;
using leasehold::test::fake_clock;

TEST(RouterLicense, W6_ARunningRouterGoesOnWhenGraceEndsAndOneThatStartsIsRefused)
{
    const auto began = std::chrono::system_clock::now();
    const auto document = leasehold::test::make_license(began, 40);
    fake_clock clock(began);
    router_stage s;
    auto settings = router_stage::default_settings();
    settings.clock = &clock;
    settings.license_interval = 20ms;
    settings.poll_interval = 20ms;
    s.running = std::make_unique<router>(
        leasehold::test::verified_fleet(document, began), s.values, s.keys, std::move(settings)
    );
    s.running->start();
    ASSERT_TRUE(s.running->wait_loaded(20s));
    const auto session = database::connect(s.client(s.acme));
    EXPECT_EQ(s.running->license(), license_state::ok);

    const auto day = std::chrono::hours(24);
    clock.advance(20 * day);
    EXPECT_TRUE(eventually([&] { return s.running->license() == license_state::expiring; }));
    clock.advance(25 * day);
    EXPECT_TRUE(eventually([&] { return s.running->license() == license_state::grace; }));
    clock.advance(30 * day);
    EXPECT_TRUE(eventually([&] { return s.running->license() == license_state::restricted; }));

    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");

    // The same license gives a router that starts now nothing to be made from.
    const auto result = verify_license(document, leasehold::test::test_license_keys(), clock.wall(), "");
    ASSERT_TRUE(std::holds_alternative<license_refusal>(result));
    EXPECT_EQ(std::get<license_refusal>(result).code, "license_expired");
    EXPECT_TRUE(std::holds_alternative<verified_license>(
        verify_license(document, leasehold::test::test_license_keys(), began, "")
    ));

    // A newer one, installed while it runs, is taken up.
    s.registry.run(
        "update public.registry_license set document = " +
        s.registry.quote(leasehold::test::make_license(clock.wall(), 365))
    );
    EXPECT_TRUE(eventually([&] { return s.running->license() == license_state::ok; }));
}

TEST(RouterLicense, W6_CollapsedModeNeedsNoneAndKnowsOneTenant)
{
    leasehold::test::scratch_folder folder;
    scratch_registry registry(folder);
    const auto& server = leasehold::test::the_stack().server("registry");
    const hmac_keys keys(hmac_keys::make_file_content());
    registry.run("create table public.notes (text text)");
    registry.run("insert into public.notes values ('collapsed')");
    registry.run("grant select on public.notes to leasehold_registry_router");
    const auto row = server_id::random();
    registry.run(
        "insert into public.registry_server (id, name, addresses, sslmode, ca, connection_budget, state) "
        "values ('" +
        row.to_string() + "', 'local', array['" + server.host + ":" + std::to_string(server.port) +
        "'], 'verify-full', " + registry.quote(load_file(server.ca_file)) + ", 50, 'active')"
    );
    const auto tenant = tenant_id::random();
    const auto name = tid::of(tenant).text();
    registry.run(
        "insert into public.registry_tenant (id, tid, slug, name, state) values ('" + tenant.to_string() +
        "', '" + name + "', 'main', 'main', 'active')"
    );
    registry.run(
        "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
        "values ('" +
        tenant.to_string() + "', 1, '" + row.to_string() + "', 't_" + name + "_1', '" + registry.database() +
        "', 'current')"
    );
    const auto key = key_id::random();
    const auto whole = credential::make(credential_type::api, key.value());
    registry.run(
        "insert into public.registry_api_key (id, tenant_id, role, name, secret_hmac, postgres, "
        "scram_verifier, "
        "created_by) values ('" +
        key.to_string() + "', '" + tenant.to_string() + "', 'write', 'test', " +
        registry.quote(keys.stored_form(whole.secret_part.reveal())) + ", true, " +
        registry.quote(crypto::make_scram_verifier(whole.to_text().reveal(), 4096)) + ", 'test')"
    );
    config values;
    values.registry = registry.config();
    values.router.listen = {{"127.0.0.1", 0, {}}};
    values.limits.drain_timeout = 1s;
    router one(single_tenant{}, values, keys);
    one.start();
    ASSERT_TRUE(one.wait_loaded(20s));

    database::endpoint where;
    where.hosts.emplace_back("127.0.0.1", one.listening().at(0).port);
    where.database = "main";
    where.user = to_base62(key.value());
    where.password = whole.to_text();
    where.sslmode = "disable";
    where.search_path = "public";
    where.connect_timeout = 15s;
    const auto session = database::connect(where);
    EXPECT_EQ(first_text(*session, "select text from notes"), "collapsed");
    EXPECT_EQ(first_text(*session, "select current_database()"), registry.database());
    where.database = "other";
    EXPECT_EQ(sqlstate_of_login(where), "3D000");
}

}  // namespace
}  // namespace leasehold::router::test
