#include "control_stage.hpp"
#include "servers/preflight.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/bootstrap.hpp>

#include <gtest/gtest.h>

#include <map>

namespace leasehold::control_plane::test {
namespace {

using leasehold::test::the_stack;

std::map<std::string, std::string> bootstrap(const config& values)
{
    bootstrap_request request;
    request.bao_token = load_secret_line(the_stack().broker.root_token_file);
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

// Each check turned to its bad side as far as a shared server allows, without touching it.
class Preflight : public ::testing::TestWithParam<const char*>
{
protected:
    std::map<std::string, servers::finding>
    look(const servers::network_facts& network, const std::vector<std::string>& accepted, std::int64_t budget)
    {
        const auto root = database::connect(the_stack().server(GetParam()).superuser_endpoint());
        std::map<std::string, servers::finding> found;
        all_ = servers::run_preflight(*root, network, accepted, budget);
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
    servers::network_facts closed;
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
    servers::network_facts closed;
    closed.lease_network_open = false;
    servers::network_facts open;
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
    servers::network_facts plain = closed;
    plain.plain_login_refused = false;
    look(plain, {"createrole_is_superuser", "plain_login_refused"}, 10);
    EXPECT_EQ(servers::state_of(all_), "offline");
    look(closed, {"createrole_is_superuser", "connection_budget"}, 1'000'000);
    EXPECT_EQ(servers::state_of(all_), "offline");
}

TEST_P(Preflight, P1_ADatabaseThatPublicMayEnterIsFound)
{
    leasehold::test::with_stack_lock([&] {
        const auto root = database::connect(the_stack().server(GetParam()).superuser_endpoint());
        root->run_plain("create database leasehold_open_to_all allow_connections false");
        servers::network_facts closed;
        closed.lease_network_open = false;
        look(closed, {"createrole_is_superuser"}, 10);
        EXPECT_EQ(servers::state_of(all_), "active") << "closed, it harms nobody";
        root->run_plain("alter database leasehold_open_to_all allow_connections true");
        auto found = look(closed, {"createrole_is_superuser"}, 10);
        root->run_plain("drop database leasehold_open_to_all with (force)");
        EXPECT_FALSE(found["public_connect"].ok);
        EXPECT_NE(found["public_connect"].found.find("leasehold_open_to_all"), std::string::npos);
        EXPECT_EQ(servers::state_of(all_), "offline");
    });
}

}  // namespace
}  // namespace leasehold::control_plane::test
