#include "fake_clock.hpp"
#include "gateway_stage.hpp"
#include "median_ratio.hpp"

#include <boost/asio/co_spawn.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace leasehold::test {
namespace {

using nlohmann::json;

class Enrollment : public ::testing::Test
{
protected:
    Enrollment() : ports(loop, fleet), at(ports, fleet.values, fleet.keys, clock, meters) {}

    http::reply send(http::incoming what) { return leasehold::run(at.routes().handle(std::move(what))); }
    static std::string code_of(const http::reply& reply)
    {
        const auto body = json::parse(reply.body, nullptr, false);
        return body.is_object() ? body.value("code", std::string()) : std::string();
    }

    staged_fleet fleet;
    asio::io_context loop{1};
    metrics meters;
    staged_ports ports;
    fake_clock clock{real_clock().wall()};
    router::agents::gateway at;
};

// One router's worth of concurrency: all 500 are under way before the first is answered.
TEST_F(Enrollment, H3_FiveHundredParallelEnrollmentsWithAOneUseTokenGiveOneHost)
{
    const auto token = fleet.make_token(fleet.acme);
    const auto other_token = fleet.make_token(fleet.globex);
    std::vector<staged_machine> machines(500);
    std::map<std::string, int> answers;
    int ended = 0;
    const auto enroll = [&](const staged_machine& machine) -> task<void> {
        auto what = machine.enrollment(token);
        const auto reply = co_await at.routes().handle(std::move(what));
        ++answers[reply.status == 201 ? "201" : code_of(reply)];
        ++ended;
    };
    for (const auto& machine : machines) asio::co_spawn(loop, enroll(machine), [](std::exception_ptr) {});
    loop.run();
    EXPECT_EQ(ended, 500);
    EXPECT_EQ(answers["201"], 1);
    EXPECT_EQ(answers["token_used_up"], 499);
    EXPECT_EQ(
        fleet.registry_value(
            "select uses from registry_enrollment_token where label = 'test' and tenant_id = '" +
            fleet.acme.id.to_string() + "'"
        ),
        "1"
    );
    EXPECT_EQ(fleet.registry_value("select count(*) from registry_host"), "1");
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
    // Positive control: the other tenant's token still works, and lands in its own database. From elsewhere:
    // an address of which so many fail is held back for a while. And in the next second: one router takes
    // 500.
    clock.advance(std::chrono::seconds(1));
    auto elsewhere = staged_machine().enrollment(other_token);
    elsewhere.peer = "127.0.0.2";
    EXPECT_EQ(send(std::move(elsewhere)).status, 201);
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "1");
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");
}

// The router dies behind each step, or the answer of the last one is lost.
TEST_F(Enrollment, H4_DyingAfterEachStepAndReplayingIsOneHostAndOneUse)
{
    const std::map<int, const char*> states{{3, "enrolling"}, {4, "enrolling"}, {5, "active"}, {6, "active"}};
    for (const auto& [step, state] : states) {
        SCOPED_TRACE(step);
        const auto token = fleet.make_token(fleet.acme);
        const auto token_row = credential::parse(token)->id.to_string();
        const staged_machine machine;
        const auto of_token = " where token_id = '" + token_row + "'";
        ports.registry().dies_after_step = step;
        const auto first = send(machine.enrollment(token));
        EXPECT_EQ(first.status, step == 6 ? 201 : 500);
        const auto id = fleet.registry_value("select id from registry_host" + of_token);
        EXPECT_EQ(fleet.registry_value("select state from registry_host" + of_token), state);
        EXPECT_EQ(
            fleet.acme.value("select count(*) from hosts where id = '" + id + "'"), step == 3 ? "0" : "1"
        );

        ports.registry().dies_after_step = 0;
        const auto second = send(machine.enrollment(token));
        ASSERT_EQ(second.status, 201) << second.body;
        const auto body = json::parse(second.body);
        EXPECT_EQ(body["host_id"], id);
        EXPECT_EQ(body["generation"], 1);
        EXPECT_EQ(fleet.registry_value("select count(*) from registry_host" + of_token), "1");
        EXPECT_EQ(
            fleet.registry_value("select uses from registry_enrollment_token where id = '" + token_row + "'"),
            "1"
        );
        EXPECT_EQ(fleet.acme.value("select count(*) from hosts where id = '" + id + "'"), "1");

        const auto credential = body["credential"].get<std::string>();
        EXPECT_EQ(send(agent_call(http::method::get, "/self", credential)).status, 200);
        EXPECT_EQ(code_of(send(machine.enrollment(token))), "already_enrolled");
    }
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
}

// Nobody came back: the pass finishes what is left, and does not unsay what the machine told in step 4.
TEST_F(Enrollment, H4_TheReconcilePassKeepsTheRowThatStepFourWrote)
{
    const std::string look = "select name || ' ' || coalesce(fqdn, '') || ' ' || approval from hosts";
    staged_machine machine;
    machine.fqdn = "web-1.acme.example.com";
    fleet.registry_script("alter table registry_host add constraint held check (state <> 'active')");
    EXPECT_NE(send(machine.enrollment(fleet.make_token(fleet.acme))).status, 201);
    EXPECT_EQ(fleet.acme.value(look), "web-1 web-1.acme.example.com approved");
    fleet.globex.is_away = true;  // and here step 4 never happened
    EXPECT_EQ(send(machine.enrollment(fleet.make_token(fleet.globex))).status, 503);
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
    fleet.globex.is_away = false;
    fleet.registry_script("alter table registry_host drop constraint held");

    leasehold::run(at.reconcile());  // sees them for the first time
    clock.advance(std::chrono::minutes(3));
    leasehold::run(at.reconcile());
    EXPECT_EQ(fleet.registry_value("select count(*) from registry_host where state = 'active'"), "2");
    EXPECT_EQ(fleet.acme.value(look), "web-1 web-1.acme.example.com approved");
    EXPECT_EQ(fleet.globex.value(look), "web-1  approved");
}

TEST_F(Enrollment, H5_HoldersAreToldTheTruthByTheRegistry)
{
    const auto with = [&](const std::string& change) {
        const auto token = fleet.make_token(fleet.acme);
        fleet.registry_script(
            "update registry_enrollment_token set " + change + " where id = '" +
            credential::parse(token)->id.to_string() + "'"
        );
        return send(staged_machine().enrollment(token));
    };
    EXPECT_EQ(code_of(with("expires_at = now() - interval '1 second'")), "token_expired");
    EXPECT_EQ(code_of(with("uses = 1")), "token_used_up");
    EXPECT_EQ(code_of(with("revoked_at = now()")), "token_revoked");
    EXPECT_EQ(code_of(with("cidr = '10.0.0.0/8'")), "token_network");
    EXPECT_EQ(with("cidr = '127.0.0.0/8'").status, 201);
    fleet.registry_script("update registry_tenant set limits = '{\"max_hosts\": 1}' where slug = 'acme'");
    EXPECT_EQ(code_of(with("uses = 0")), "host_limit");
    fleet.registry_script("update registry_tenant set state = 'suspended' where slug = 'acme'");
    EXPECT_EQ(code_of(with("uses = 0")), "tenant_suspended");
    // Who does not hold it hears one thing, whatever is wrong.
    const auto token = fleet.make_token(fleet.acme);
    const auto known = credential::parse(token)->id;
    for (const auto& id : {known, uuid::random()}) {
        const auto guess = std::string(credential::make(credential_type::enrollment, id).to_text().reveal());
        const auto reply = send(staged_machine().enrollment(guess));
        EXPECT_EQ(reply.status, 401);
        EXPECT_EQ(code_of(reply), "token_invalid");
    }
    EXPECT_EQ(send(staged_machine().enrollment(fleet.make_token(fleet.globex))).status, 201);
}

// Who only guesses waits for no lock: neither does a holder at work show in the time a guess takes, nor does
// a guess keep holders waiting.
TEST_F(Enrollment, H5_WhoDoesNotHoldATokenWaitsForNoLock)
{
    const auto token = fleet.make_token(fleet.acme);
    const auto id = credential::parse(token)->id;
    const auto wrong = std::string(credential::make(credential_type::enrollment, id).to_text().reveal());
    auto where = fleet.registry.superuser_endpoint();
    where.search_path = "public, pg_temp";
    auto holder = database::connect(where);
    holder->run_plain("begin");
    holder->run_plain("select 1 from registry_tenant for update");
    holder->run_plain("select 1 from registry_enrollment_token for update");
    EXPECT_EQ(code_of(send(staged_machine().enrollment(wrong))), "token_invalid");
    EXPECT_EQ(code_of(send(staged_machine().enrollment(token))), "registry_unavailable")
        << "the holder does wait";
    holder.reset();
    EXPECT_EQ(send(staged_machine().enrollment(token)).status, 201);
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
}

// Through gateway and registry, the samples in turn: what else the machine does falls on all alike.
TEST_F(Enrollment, H5_WhoDoesNotHoldATokenIsRefusedInTheSameTime)
{
    std::map<std::string, uuid> ids{{"unknown", uuid::random()}};
    for (const std::string change : {"uses = 0", "uses = 1", "revoked_at = now()", "expires_at = now()"}) {
        const auto id = credential::parse(fleet.make_token(fleet.acme))->id;
        fleet.registry_script(
            "update registry_enrollment_token set " + change + " where id = '" + id.to_string() + "'"
        );
        ids[change] = id;
    }
    std::map<std::string, std::vector<std::chrono::nanoseconds>> samples;
    int sender = 0;
    for (int round = 0; round < 200; ++round) {
        for (const auto& [name, id] : ids) {
            const auto guess =
                std::string(credential::make(credential_type::enrollment, id).to_text().reveal());
            auto what = staged_machine().enrollment(guess);
            ++sender;  // of an address of its own: one guess is nobody's flood
            what.peer = "10.0." + std::to_string(sender / 250) + "." + std::to_string(1 + sender % 250);
            clock.advance(std::chrono::seconds(1));  // one router takes 500 in a second
            const auto begin = std::chrono::steady_clock::now();
            const auto reply = send(std::move(what));
            samples[name].push_back(std::chrono::steady_clock::now() - begin);
            ASSERT_EQ(code_of(reply), "token_invalid") << name;
        }
    }
    EXPECT_LT(leasehold::test::median_ratio(samples), 1.5);
}

TEST_F(Enrollment, H2_TheSameNameAndKeyInBothTenantsAreTwoHosts)
{
    const staged_machine machine;
    const auto first = send(machine.enrollment(fleet.make_token(fleet.acme)));
    const auto second = send(machine.enrollment(fleet.make_token(fleet.globex)));
    ASSERT_EQ(first.status, 201);
    ASSERT_EQ(second.status, 201);
    const auto of_acme = json::parse(first.body);
    const auto of_globex = json::parse(second.body);
    EXPECT_NE(of_acme["host_id"], of_globex["host_id"]);
    EXPECT_EQ(fleet.acme.value("select id from hosts"), of_acme["host_id"]);
    EXPECT_EQ(fleet.globex.value("select id from hosts"), of_globex["host_id"]);

    const auto event = [](const std::string& kind) {
        return R"({"events":[{"id":"0190a000-0000-7000-8000-00000000000)" +
               std::string(kind == "a" ? "1" : "2") + R"(","at":"2026-01-01T00:00:00Z","kind":")" + kind +
               R"("}]})";
    };
    EXPECT_EQ(send(agent_call(http::method::post, "/events", of_acme["credential"], event("a"))).status, 200);
    EXPECT_EQ(
        send(agent_call(http::method::post, "/events", of_globex["credential"], event("b"))).status, 200
    );
    EXPECT_EQ(fleet.acme.value("select string_agg(kind, ',') from events"), "a");
    EXPECT_EQ(fleet.globex.value("select string_agg(kind, ',') from events"), "b");
}

}  // namespace
}  // namespace leasehold::test
