#include "eventually.hpp"
#include "gateway_stage.hpp"
#include "scratch_folder.hpp"

#include <leasehold/agent/agent.hpp>
#include <leasehold/base/file.hpp>

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <stop_token>
#include <thread>

namespace leasehold::test {
namespace {

using nlohmann::json;

// The gateway behind its real listener, and agents that find it through their configuration file.
class Agent : public ::testing::Test
{
protected:
    Agent()
        : loop("agents")
        , ports(loop.context(), with_free_port(fleet))
        , at(ports, fleet.values, fleet.keys, real_clock(), meters)
    {
        at.start();
    }
    ~Agent() override
    {
        std::promise<void> drained;
        asio::co_spawn(loop.context(), at.drain(std::chrono::seconds(2)), [&](std::exception_ptr) {
            drained.set_value();
        });
        drained.get_future().wait();
        loop.join();
    }
    static staged_fleet& with_free_port(staged_fleet& fleet)
    {
        fleet.values.agents.listen.port = 0;
        fleet.values.agents.heartbeat.interval = std::chrono::seconds(1);
        return fleet;
    }

    agent::agent_config config_for(const std::string& name, const std::string& token)
    {
        const auto file = folder / (name + ".yaml");
        std::ofstream(file) << "server: {url: \"http://" << at.bound().to_string() << "\"}\n"
                            << "security:\n  enrollment_token: " << token
                            << "\n  state_dir: " << (folder / name).string() << "\nhost: {name: " << name
                            << ", labels: {role: web}}\n";
        std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0600));
        return agent::load_agent_config(file);
    }
    void run_once(const std::string& name, const std::string& token)
    {
        agent::agent_options how;
        how.once = true;
        agent::run_agent(config_for(name, token), how);
    }
    std::string code_of_run(const std::string& name, const std::string& token)
    {
        try {
            run_once(name, token);
        } catch (const error& why) {
            return why.code();
        }
        return "none";
    }
    json identity_of(const std::string& name)
    {
        return json::parse(load_file(folder / name / "identity.json"));
    }

    staged_fleet fleet;
    scratch_folder folder;
    metrics meters;
    lane loop;
    staged_ports ports;
    router::agents::gateway at;
};

TEST_F(Agent, H1_TwoAgentsOfTwoTenantsEachFillTheirOwnDatabase)
{
    run_once("first", fleet.make_token(fleet.acme));
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
    run_once("second", fleet.make_token(fleet.globex));
    struct row
    {
        const staged_tenant& tenant;
        const char* name;
    };
    for (const auto& [tenant, name] : {row{fleet.acme, "first"}, row{fleet.globex, "second"}}) {
        SCOPED_TRACE(name);
        const auto id = identity_of(name)["host_id"].get<std::string>();
        EXPECT_EQ(
            tenant.value("select string_agg(id || name || status, ',') from hosts"), id + name + "active"
        );
        EXPECT_EQ(tenant.value("select labels ->> 'role' from hosts"), "web");
        EXPECT_EQ(
            tenant.value("select string_agg(kind, ',' order by kind) from host_inventory"),
            "addresses,cpu,disks,memory,os,packages"
        );
        EXPECT_EQ(
            tenant.value("select count(distinct host_id) || min(host_id::text) from host_packages"), "1" + id
        );
        EXPECT_EQ(
            tenant.value("select (select count(*) from host_packages) = (document ->> 'count')::bigint "
                         "from host_inventory where kind = 'packages'"),
            "t"
        );
        EXPECT_EQ(tenant.value("select count(*) > 0 from host_heartbeats"), "t");
        EXPECT_EQ(tenant.value("select string_agg(kind, ',') from events"), "agent.started");
    }
    // The machine's real packages, all of them.
    EXPECT_EQ(fleet.acme.value("select count(*) > 50 from host_packages"), "t");
    EXPECT_EQ(
        fleet.acme.value("select count(*) from host_packages"),
        fleet.globex.value("select count(*) from host_packages")
    );
}

TEST_F(Agent, TheTokenIsNotNeededAnyMoreAndTheHostStaysTheSame)
{
    run_once("first", fleet.make_token(fleet.acme));
    const auto id = identity_of("first")["host_id"];
    const auto file = folder / "no-token.yaml";
    std::ofstream(file) << "server: {url: \"http://" << at.bound().to_string()
                        << "\"}\nsecurity: {state_dir: " << (folder / "first").string() << "}\n";
    agent::agent_options how;
    how.once = true;
    agent::run_agent(agent::load_agent_config(file), how);
    EXPECT_EQ(identity_of("first")["host_id"], id);
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");
    EXPECT_EQ(fleet.acme.value("select count(*) from events"), "2");
}

TEST_F(Agent, AWrongTokenIsSaidWithTheLineToChange)
{
    const auto guess =
        std::string(credential::make(credential_type::enrollment, uuid::random()).to_text().reveal());
    try {
        run_once("first", guess);
        ADD_FAILURE() << "enrolled";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "token_invalid");
        EXPECT_NE(why.detail().find("first.yaml line 3"), std::string::npos) << why.detail();
        EXPECT_EQ(std::string(why.what()).find(guess), std::string::npos);
    }
    const auto used = fleet.make_token(fleet.acme);
    EXPECT_EQ(code_of_run("second", used), "none");
    EXPECT_EQ(code_of_run("third", used), "token_used_up");
    // The key that was made for the attempt is the one of the next attempt.
    const auto key = identity_of("first")["seed"];
    EXPECT_EQ(code_of_run("first", fleet.make_token(fleet.acme)), "none");
    EXPECT_EQ(identity_of("first")["seed"], key);
}

TEST_F(Agent, H10_WhatIsRefusedStaysInTheSpoolAndArrivesLater)
{
    const auto token = fleet.make_token(fleet.acme);
    run_once("first", token);
    const auto before = std::stoi(fleet.acme.value("select count(*) from host_heartbeats"));
    fleet.acme.is_away = true;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of_run("first", token), "tenant_unavailable");
    EXPECT_EQ(std::stoi(fleet.acme.value("select count(*) from host_heartbeats")), before);
    EXPECT_FALSE(std::filesystem::is_empty(folder / "first" / "spool"));
    fleet.acme.is_away = false;
    EXPECT_EQ(code_of_run("first", token), "none");
    EXPECT_EQ(std::stoi(fleet.acme.value("select count(*) from host_heartbeats")), before + 4);
    EXPECT_EQ(fleet.acme.value("select count(*) from events"), "5");
    EXPECT_TRUE(std::filesystem::is_empty(folder / "first" / "spool"));
}

TEST_F(Agent, RenewsItsCredentialWithItsKey)
{
    run_once("first", fleet.make_token(fleet.acme));
    auto identity = identity_of("first");
    EXPECT_EQ(identity["generation"], 1);
    const auto first = identity["credential"];
    identity["renew_at"] = "2020-01-01T00:00:00Z";
    store_file(folder / "first" / "identity.json", identity.dump());
    run_once("first", fleet.make_token(fleet.acme));
    EXPECT_EQ(identity_of("first")["generation"], 2);
    EXPECT_NE(identity_of("first")["credential"], first);
    run_once("first", fleet.make_token(fleet.acme));  // its first use promotes it
    EXPECT_EQ(fleet.registry_value("select generation from registry_host"), "2");

    // It slept longer than its credential lives: the key still buys the next one.
    fleet.registry_script("update registry_host set credential_expires_at = now() - interval '1 day'");
    run_once("first", fleet.make_token(fleet.acme));
    EXPECT_EQ(identity_of("first")["generation"], 3);
}

TEST_F(Agent, RunsUntilItIsStoppedAndFollowsItsState)
{
    const auto token = fleet.make_token(fleet.acme, 1, "manual");
    std::stop_source stop;
    std::exception_ptr ended_by;
    std::thread runs([&] {
        try {
            agent::agent_options how;
            how.stop = stop.get_token();
            agent::run_agent(config_for("first", token), how);
        } catch (...) {
            ended_by = std::current_exception();
        }
    });
    const auto acme_says = [&](const std::string& sql, const std::string& wanted) {
        return eventually([&] { return fleet.acme.value(sql) == wanted; });
    };
    EXPECT_TRUE(
        acme_says("select count(*) from hosts where last_seen_at is not null and approval = 'pending'", "1")
    );
    EXPECT_EQ(fleet.acme.value("select count(*) from host_packages"), "0");
    EXPECT_EQ(code_of_run("first", token), "already_running");
    fleet.registry_script("update registry_host set state = 'active'");
    EXPECT_TRUE(acme_says("select count(*) > 0 from host_packages", "t"));
    EXPECT_TRUE(acme_says("select count(*) >= 3 from host_heartbeats", "t"));
    stop.request_stop();
    runs.join();
    EXPECT_FALSE(ended_by);
    EXPECT_EQ(fleet.acme.value("select status || approval from hosts"), "activeapproved");
}

TEST_F(Agent, H17_NoSecretInClearWhereItDoesNotBelong)
{
    const auto token = fleet.make_token(fleet.acme);
    run_once("first", token);
    const auto credential_text = identity_of("first")["credential"].get<std::string>();
    const auto token_secret = token.substr(7 + 23, 32);
    const auto credential_secret = credential_text.substr(8 + 23, 32);
    for (const auto& secret_part : {token_secret, credential_secret}) {
        EXPECT_EQ(
            fleet.registry_value(
                "select count(*) from registry_host h, registry_enrollment_token t, "
                "registry_audit_event a where (h::text || t::text || a::text) like '%" +
                secret_part + "%'"
            ),
            "0"
        );
    }
    EXPECT_EQ(fleet.registry_value("select count(*) > 0 from registry_audit_event"), "t");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "first")) {
        if (!entry.is_regular_file() || entry.path().filename() == "identity.json") continue;
        const auto content = load_file(entry.path());
        EXPECT_EQ(content.find(credential_secret), std::string::npos) << entry.path();
    }
    const auto mode = std::filesystem::status(folder / "first" / "identity.json").permissions();
    EXPECT_EQ(mode, static_cast<std::filesystem::perms>(0600));
}

}  // namespace
}  // namespace leasehold::test
