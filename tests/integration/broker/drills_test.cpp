// The rows B1, B6, B7, B15 and B23 of docs/acceptance.md, and the faults that a healthy broker does not show.
#include "stage.hpp"

#include <fstream>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leasehold::vault_client {
namespace {

using clock_type = std::chrono::steady_clock;

// Asks for a lease again and again, as clients that connect would; gives the codes that came.
task<void> hammer(stage& s, tenant_id tenant, clock_type::time_point until, std::map<std::string, int>& codes)
{
    placement_key where(tenant, 1, "eu-1");
    while (clock_type::now() < until) {
        std::string code = "ok";
        try {
            co_await s.roster->get(where, role_class::rw, 1s);
        } catch (const leasehold::error& why) {
            code = why.code();
        }
        ++codes[code];
        co_await sleep_for(5ms);
    }
}

TEST(Broker, B1_ValidLeasesServeWhileSealed)
{
    stage s;
    s.open();
    const auto held = s.get(s.acme);
    ASSERT_TRUE(s.works(held));

    s.broker.seal();
    const auto probes = s.proxy.seen("sys/health");
    const auto calls = s.proxy.seen("/v1/");
    std::map<std::string, int> of_acme;
    std::map<std::string, int> of_globex;
    const auto until = clock_type::now() + 3s;
    bool one = false;
    bool two = false;
    asio::co_spawn(s.lane, hammer(s, s.acme, until, of_acme), [&](std::exception_ptr) { one = true; });
    asio::co_spawn(s.lane, hammer(s, s.globex, until, of_globex), [&](std::exception_ptr) { two = true; });
    run_until(s.lane, [&] { return one && two; });

    EXPECT_TRUE(s.works(held));     // the lease is the server's, not the broker's
    EXPECT_EQ(of_acme.size(), 1U);  // who has a lease does not notice
    EXPECT_GT(of_acme["ok"], 50);
    EXPECT_EQ(of_globex.size(), 1U);
    EXPECT_GT(of_globex["broker_sealed"], 50);  // who has none gets the cause, at once
    // Probes at 0.2 s doubling to 1 s: a handful, and nothing else but the call that found it out.
    EXPECT_LE(s.proxy.seen("sys/health") - probes, 7);
    EXPECT_GE(s.proxy.seen("sys/health") - probes, 2);
    EXPECT_LE(s.proxy.seen("/v1/") - calls - (s.proxy.seen("sys/health") - probes), 4);

    s.broker.unseal();
    const auto limit = clock_type::now() + 10s;
    std::string code = "not asked";
    while (code != "" && clock_type::now() < limit) code = s.code_of_get(s.globex);
    EXPECT_EQ(code, "");  // healed without a restart
    EXPECT_EQ(s.logins(), 1);
}

TEST(Broker, B1_NotInitialisedIsSaidAndNothingButHealthIsAsked)
{
    test::scratch_broker fresh(test::scratch_broker::begin::uninitialised);
    test::fault_broker proxy(fresh.url());
    auto settings = fresh.settings();
    settings.nodes = {proxy.url()};
    settings.probe_when_down = 200ms;
    metrics counters;
    const auto at = create_vault_broker(settings, real_clock(), counters);
    for (int i = 0; i < 20; ++i) {
        try {
            fresh.run(at->get_role(broker_role("rw_x")));
            FAIL() << "no error";
        } catch (const error& why) {
            EXPECT_EQ(why.code(), "broker_uninitialised");
        }
    }
    EXPECT_EQ(proxy.seen("/v1/"), proxy.seen("sys/health"));
    EXPECT_LE(proxy.seen("sys/health"), 3);
    EXPECT_EQ(fresh.run(at->health()).state, node_state::uninitialised);
}

TEST(Broker, B6_OneLoginFor200WaitersAndOldLeasesAreDoomed)
{
    stage s(60s, 3600s);
    std::vector<tenant_id> fresh;
    for (int i = 0; i < 50; ++i) {
        fresh.push_back(s.server.add_role_like(s.acme, 60s, 3600s));
        s.tenants.push_back(fresh.back());
    }
    s.open();
    const auto old = s.get(s.acme);
    ASSERT_TRUE(s.works(old));
    ASSERT_EQ(s.logins(), 1);

    s.broker.revoke_prefix_by_operator("auth/approle/login");
    run_until(s.lane, [&] { return !s.works(old); });  // its token took it along
    std::size_t served = 0;
    for (const auto& tenant : fresh) {
        for (int i = 0; i < 4; ++i) {
            placement_key where(tenant, 1, "eu-1");
            asio::co_spawn(
                s.lane,
                s.roster->get(where, role_class::rw, 20s),
                [&](std::exception_ptr failed, const lease_ptr& l) {
                    EXPECT_FALSE(failed);
                    if (l) ++served;
                }
            );
        }
    }
    run_until(s.lane, [&] { return served == 200; });
    EXPECT_EQ(s.logins(), 2);
    // At most the four that were under way are repeated; the doomed lease may have its successor by now.
    EXPECT_LE(s.issues(), 1 + 50 + 4 + 1);
    // The old lease is replaced within a tenth of what it had left.
    s.roster->note_used(old->ref);
    run_until(s.lane, [&] {
        const auto now = s.roster->find(placement_key(s.acme, 1, "eu-1"), role_class::rw);
        return now && now->ref.number != old->ref.number;
    });
    EXPECT_TRUE(s.works(s.get(s.acme)));
    EXPECT_EQ(s.logins(), 2);
}

TEST(Broker, B7_AMissingPolicyIsNamedAndCostsNoLogin)
{
    stage s;
    s.tenants = {s.acme};  // globex is forgotten in the policy
    s.open();
    EXPECT_TRUE(s.works(s.get(s.acme)));
    try {
        s.get(s.globex);
        FAIL() << "no error";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "broker_denied");
        EXPECT_NE(why.detail().find("database/creds/" + s.server.role(s.globex).text()), std::string::npos);
    }
    for (int i = 0; i < 50; ++i) EXPECT_EQ(s.code_of_get(s.globex), "broker_denied");
    EXPECT_EQ(s.logins(), 1);
    EXPECT_EQ(s.proxy.seen("database/creds/" + s.server.role(s.globex).text()), 1);  // then it pauses
}

TEST(Broker, B15_AnOperatorsRevokePrefixCostsOneFetchAndNoLoop)
{
    stage s(12s, 3600s);
    s.open();
    const auto old = s.get(s.acme);
    const auto neighbour = s.get(s.globex);
    ASSERT_TRUE(s.works(old));
    const auto before = s.issues();
    const auto root = s.broker.root();
    s.broker.run(root->revoke_prefix(s.server.role(s.acme), completion::done));
    EXPECT_EQ(s.server.logins_of(s.acme), 0);
    s.roster->note_used(old->ref);
    // Renewal says "lease not found": that generation is dead and one lease is fetched.
    run_until(s.lane, [&] { return !s.events.ends.empty(); });
    EXPECT_EQ(s.events.ends.front().first, old->ref);
    EXPECT_EQ(s.events.ends.front().second, lease_end::dead);
    run_until(s.lane, [&] { return s.issues() == before + 1; });
    const auto fresh = s.get(s.acme);
    EXPECT_GT(fresh->ref.number, old->ref.number);
    EXPECT_TRUE(s.works(fresh));
    const auto quiet = clock_type::now() + 2s;
    run_until(s.lane, [&] { return clock_type::now() > quiet; });
    EXPECT_EQ(s.issues(), before + 1);
    EXPECT_TRUE(s.works(neighbour));  // and the neighbour kept its own
    EXPECT_EQ(s.logins(), 1);
}

TEST(Broker, B23_AGracefulStopLeavesNoLogin)
{
    stage s;
    s.open();
    ASSERT_TRUE(s.works(s.get(s.acme)));
    ASSERT_TRUE(s.works(s.get(s.globex)));
    ASSERT_EQ(s.server.logins_of(s.acme) + s.server.logins_of(s.globex), 2);
    const auto began = clock_type::now();
    await(s.lane, s.roster->stop());
    await(s.lane, s.identified->stop());
    EXPECT_LT(clock_type::now() - began, 10s);
    run_until(
        s.lane, [&] { return s.server.logins_of(s.acme) + s.server.logins_of(s.globex) == 0; }, 10s
    );
    EXPECT_LT(clock_type::now() - began, 10s);
}

TEST(Broker, B23_AfterKill9LoginsEndWithTheirTerm)
{
    stage s(5s, 60s, 3600s);
    s.open();
    auto who = s.server.make_router(s.folder.path(), s.tenants, 3600s);
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const auto child = ::fork();
    if (child == 0) {
        // Another router process: takes its leases and is killed.
        char word = 'x';
        try {
            asio::io_context lane(1);
            auto settings = s.broker.settings();
            metrics counters;
            auto own = create_identified_broker(
                lane,
                create_vault_broker(settings, real_clock(), counters),
                std::move(who),
                token_settings(),
                retry_settings(),
                real_clock(),
                counters
            );
            lease_roster roster(
                lane, *own, own->tokens(), s.verifier, s.events, s.leases, real_clock(), counters
            );
            placement_key where(s.acme, 1, "eu-1");
            const auto got = await(lane, roster.get(where, role_class::rw, 10s));
            if (got) word = 'y';
            if (::write(pipe_ends[1], &word, 1) != 1) ::_exit(1);
            for (;;) ::pause();
        } catch (...) {
            ::_exit(1);
        }
    }
    char word = 'n';
    ASSERT_EQ(::read(pipe_ends[0], &word, 1), 1);
    ASSERT_EQ(word, 'y');
    ASSERT_EQ(s.server.logins_of(s.acme), 1);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    const auto killed = clock_type::now();
    run_until(
        s.lane, [&] { return s.server.logins_of(s.acme) == 0; }, 60s
    );
    const auto leaked = std::chrono::duration<double>(clock_type::now() - killed);
    RecordProperty("leaked_seconds", std::to_string(leaked.count()));
    EXPECT_LT(leaked.count(), 5 + 30);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
}

TEST(Broker, ALeaseIsRotatedBeforeItsMaximumAndTheOldLoginGoes)
{
    stage s(12s, 12s);
    s.leases.jitter = 0;
    s.open();
    s.events.on_end = [&](lease_ref which) { s.roster->drained(which); };
    const auto first = s.get(s.acme);
    const auto stop = clock_type::now() + 30s;
    while (clock_type::now() < stop) {
        const auto now = s.get(s.acme);
        ASSERT_TRUE(s.works(now)) << now->ref.number;
        s.lane.restart();
        s.lane.run_for(100ms);
    }
    EXPECT_GE(s.events.successors.size(), 4U);
    EXPECT_LE(s.events.successors.size(), 9U);
    EXPECT_EQ(s.verifier.asked, static_cast<int>(s.events.successors.size()) - 1);
    run_until(s.lane, [&] { return s.server.logins_of(s.acme) <= 2; });
    EXPECT_FALSE(s.works(first));
    EXPECT_EQ(s.logins(), 1);
}

TEST(Broker, FaultsOfTheWireAreTypedAndNothingIsRepeatedBlindly)
{
    struct row
    {
        fault what;
        const char* code;
        bool orphan;
    };
    const row rows[] = {
        {fault::html, "broker_protocol", true},
        {fault::no_lease_id, "broker_protocol", true},
        {fault::denied, "broker_denied", false},
    };
    for (const auto& each : rows) {
        stage s;
        s.open();
        ASSERT_TRUE(s.works(s.get(s.acme)));  // logged in, and the way is free
        s.proxy.plan(s.server.role(s.globex).text(), each.what);
        const auto before = s.issues();
        EXPECT_EQ(s.code_of_get(s.globex), each.code);
        EXPECT_EQ(s.issues(), before + 1) << each.code;
        const auto counted =
            s.counters.to_text().find("leasehold_broker_possible_orphans_total{server=\"eu-1\"} 1");
        EXPECT_EQ(counted != std::string::npos, each.orphan) << each.code;
    }
}

TEST(Broker, ALostAnswerIsNotRepeatedAtOnceAndCountsAsAPossibleOrphan)
{
    stage s;
    s.leases.lost_pause_least = 500ms;
    s.leases.lost_pause_most = 1000ms;
    s.open();
    ASSERT_TRUE(s.works(s.get(s.acme)));
    s.proxy.plan(s.server.role(s.globex).text(), fault::lost_answer);
    const auto before = s.issues();
    const auto got = s.get(s.globex);  // still waits when the pause is over
    EXPECT_TRUE(s.works(got));
    EXPECT_EQ(s.issues(), before + 2);
    EXPECT_EQ(s.server.logins_of(s.globex), 2);  // the one nobody can name, and ours
    EXPECT_NE(
        s.counters.to_text().find("leasehold_broker_possible_orphans_total{server=\"eu-1\"} 1"),
        std::string::npos
    );
}

TEST(Broker, AnotherTenantsLoginIsRevokedAndNeverLent)
{
    stage s;
    s.open();
    ASSERT_TRUE(s.works(s.get(s.acme)));
    s.proxy.instead_of(s.server.role(s.globex).text(), s.server.role(s.acme).text());
    s.proxy.plan(s.server.role(s.globex).text(), fault::wrong_tenant);
    EXPECT_EQ(s.code_of_get(s.globex), "broker_wrong_tenant");
    run_until(s.lane, [&] { return s.server.logins_of(s.acme) == 1; });  // its own; the stray one is gone
    EXPECT_EQ(s.server.logins_of(s.globex), 0);
}

TEST(Broker, ASlowBrokerDoesNotOutliveTheCallersPatience)
{
    stage s;
    s.open();
    ASSERT_TRUE(s.works(s.get(s.acme)));
    s.proxy.plan(s.server.role(s.globex).text(), fault::slow, 1, 5s);
    const auto began = clock_type::now();
    try {
        s.get(s.globex, 300ms);
        FAIL() << "no error";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "broker_timeout");
    }
    EXPECT_LT(clock_type::now() - began, 2s);
    EXPECT_TRUE(s.works(s.get(s.acme)));
}

TEST(Broker, ABrokerKilledAndStartedAgainServesWithoutARestartOfOurs)
{
    stage s;
    s.open();
    const auto held = s.get(s.acme);
    s.broker.kill();
    EXPECT_TRUE(s.works(held));
    EXPECT_EQ(s.get(s.acme), held);
    const auto code = s.code_of_get(s.globex);
    EXPECT_TRUE(
        code == "broker_unreachable" || code == "broker_answer_lost" || code == "broker_no_leader" ||
        code == "broker_timeout"
    ) << code;
    s.broker.start();
    s.broker.unseal();
    const auto limit = clock_type::now() + 20s;
    std::string last = "not asked";
    while (last != "" && clock_type::now() < limit) last = s.code_of_get(s.globex);
    EXPECT_EQ(last, "");
}

}  // namespace
}  // namespace leasehold::vault_client
