#include "control_stage.hpp"
#include "operations/server_preflight.hpp"
#include "servers/base_database.hpp"
#include "servers/preflight.hpp"

#include <gtest/gtest.h>

#include <map>

namespace leasehold::control_plane::test {
namespace {

using leasehold::test::the_stack;

// Each check turned to its bad side as far as a shared server allows, without touching it.
class Preflight : public ::testing::TestWithParam<const char*>
{
protected:
    std::map<std::string, servers::finding>
    look(const servers::tried_facts& tried, const std::vector<std::string>& accepted, std::int64_t budget)
    {
        const auto root = database::connect(the_stack().server(GetParam()).superuser_endpoint());
        std::map<std::string, servers::finding> found;
        all_ = servers::run_preflight(*root, tried, accepted, budget);
        for (const auto& one : all_) found[one.check] = one;
        return found;
    }
    const leasehold::test::installation made_;
    std::vector<servers::finding> all_;
};
INSTANTIATE_TEST_SUITE_P(Servers, Preflight, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(Preflight, P1_AServerAsBootstrapLeavesItIsActive)
{
    servers::tried_facts closed;
    closed.lease_network_open = false;
    auto found = look(closed, {"createrole_is_superuser"}, 10);
    EXPECT_EQ(servers::state_of(all_), "active");
    EXPECT_EQ(found["createrole_is_superuser"].ok, std::string(GetParam()) == "us-1");
    for (const auto& one : all_) {
        EXPECT_FALSE(one.want.empty()) << one.check;
        EXPECT_FALSE(one.fix.empty()) << one.check;
    }
}

TEST_P(Preflight, P1_WhatIsNotAcceptedRefuses)
{
    servers::tried_facts closed;
    closed.lease_network_open = false;
    servers::tried_facts open;
    const bool old = std::string(GetParam()) == "eu-1";
    look(closed, {}, 10);
    EXPECT_EQ(servers::state_of(all_), old ? "offline" : "active");
    look(open, {"createrole_is_superuser"}, 10);
    EXPECT_EQ(servers::state_of(all_), "offline");
    auto found = look(open, {"createrole_is_superuser", "lease_network_open"}, 10);
    EXPECT_EQ(servers::state_of(all_), "active");
    EXPECT_TRUE(found["lease_network_open"].accepted);
    EXPECT_FALSE(found["lease_network_open"].ok);

    // What is no matter of acceptance is not accepted by naming it.
    servers::tried_facts plain = closed;
    plain.plain_login_refused = false;
    look(plain, {"createrole_is_superuser", "plain_login_refused"}, 10);
    EXPECT_EQ(servers::state_of(all_), "offline");
    look(closed, {"createrole_is_superuser", "connection_budget"}, 1'000'000);
    EXPECT_EQ(servers::state_of(all_), "offline");
    for (auto fact : {&servers::tried_facts::base_closed, &servers::tried_facts::revocation_cuts}) {
        servers::tried_facts wrong = closed;
        wrong.*fact = false;
        look(wrong, {"createrole_is_superuser", "leasehold_base", "revocation_cuts"}, 10);
        EXPECT_EQ(servers::state_of(all_), "offline");
    }
    servers::tried_facts managed = closed;
    managed.large_objects_closed = false;
    look(managed, {"createrole_is_superuser"}, 10);
    EXPECT_EQ(servers::state_of(all_), "offline");
    look(managed, {"createrole_is_superuser", "large_objects_open"}, 10);
    EXPECT_EQ(servers::state_of(all_), "active");
}

TEST_P(Preflight, P1_WhatDatabasesAreCopiedFromIsLookedAt)
{
    // Any other database of the server is as PostgreSQL makes it: open.
    const auto& server = the_stack().server(GetParam());
    const leasehold::test::scratch_database open(server);
    const auto inside = database::connect(open.superuser_endpoint());
    inside->run_plain("grant usage on schema public to public");
    auto seen = servers::look_at_hardening(*inside);
    EXPECT_FALSE(seen.schema_closed);
    EXPECT_FALSE(seen.large_objects_closed);
    inside->run_plain("revoke all on schema public from public");
    inside->run_plain(
        "revoke execute on function lo_create(oid), lo_creat(int), lo_from_bytea(oid, bytea) from public"
    );
    seen = servers::look_at_hardening(*inside);
    EXPECT_TRUE(seen.schema_closed);
    EXPECT_TRUE(seen.large_objects_closed);
}

// The rows of one installation's registry alone; the servers are shared and stay as they are.
class PreflightAgain : public ::testing::TestWithParam<const char*>
{
protected:
    void set_server(const std::string& what)
    {
        stage.installation.run(
            "update public.registry_server set " + what + " where name = '" + GetParam() + "'"
        );
    }
    bool holds(const std::string& what)
    {
        return stage.installation
            .rows(
                "select " + what + " as holds from public.registry_server where name = '" + GetParam() + "'"
            )
            .at(0)
            .get<bool>("holds");
    }
    bool finds(const std::string& check)
    {
        return holds("preflight @> '[{\"check\": \"" + check + "\", \"ok\": false, \"accepted\": false}]'");
    }
    void sweep()
    {
        operations::sweeper all(lane_of_sweeper_, stage.with);
        stage.run(all.sweep_all());
    }

    control_stage stage;

private:
    asio::io_context lane_of_sweeper_{1};  // its timer is not started
};
INSTANTIATE_TEST_SUITE_P(Servers, PreflightAgain, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(PreflightAgain, ACreateLooksFirstAtAServerWhoseLastLookHasAged)
{
    set_server("preflight_at = now() - interval '6 days'");
    stage.provision(GetParam());
    EXPECT_TRUE(holds("preflight_at < now() - interval '5 days'")) << "young enough: taken at its word";

    set_server("preflight_at = now() - interval '8 days', preflight = '[]'");
    stage.provision(GetParam());
    EXPECT_TRUE(holds("preflight_at > now() - interval '5 minutes' and jsonb_array_length(preflight) > 15"));

    // What it finds counts: nothing is accepted any more, and no tenant is placed there.
    set_server("preflight_at = now() - interval '8 days', accepted = '{}'");
    const auto refused = stage.ask("refused", GetParam());
    const auto ended = stage.finish(refused.operation);
    EXPECT_EQ(ended.state, "failed");
    EXPECT_EQ(ended.error.value("code", ""), "no_server_fits");
    EXPECT_TRUE(finds("lease_network_open"));
    EXPECT_TRUE(holds("state = 'offline'"));
    EXPECT_TRUE(stage.run(stage.tenants.placements(refused.tenant)).empty());
}

TEST_P(PreflightAgain, TheSweeperLooksOnceADay)
{
    set_server("preflight_at = now() - interval '23 hours', preflight = '[]'");
    sweep();
    EXPECT_TRUE(holds("preflight = '[]'")) << "not yet";

    set_server("preflight_at = now() - interval '25 hours', accepted = '{}'");
    sweep();
    EXPECT_TRUE(holds("state = 'offline' and preflight_at > now() - interval '5 minutes'"));
    EXPECT_TRUE(finds("lease_network_open"));
    EXPECT_FALSE(finds("leasehold_base"));
    EXPECT_FALSE(finds("large_objects_open"));

    // Accepted, the next look opens it again; who drains a server keeps it drained.
    set_server("preflight_at = null, accepted = '{createrole_is_superuser, lease_network_open}'");
    sweep();
    EXPECT_TRUE(holds("state = 'active'"));
    set_server("preflight_at = null, state = 'draining'");
    sweep();
    EXPECT_TRUE(holds("state = 'draining' and preflight_at is not null"));

    // Nothing of a look stays.
    const auto root = database::connect(the_stack().server(GetParam()).superuser_endpoint());
    EXPECT_EQ(number(*root, "select count(*) from pg_roles where rolname ~ '^lease_rw_probe'"), 0);
}

}  // namespace
}  // namespace leasehold::control_plane::test
