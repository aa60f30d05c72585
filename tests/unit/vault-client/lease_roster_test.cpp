#include "playground.hpp"

#include <map>
#include <set>

namespace leasehold::vault_client {
namespace {

TEST(LeaseRoster, AThousandMissesAreOneCall)
{
    playground p;
    const auto where = p.tenant();
    std::vector<lease_ptr> got;
    for (int i = 0; i < 1000; ++i) {
        asio::co_spawn(
            p.lane,
            p.roster().get(where, role_class::rw, 5s),
            [&](std::exception_ptr failed, lease_ptr l) {
                EXPECT_FALSE(failed);
                got.push_back(std::move(l));
            }
        );
    }
    run_until(p.lane, [&] { return got.size() == 1000; });
    EXPECT_EQ(p.fake->calls("issue"), 1);
    EXPECT_EQ(p.fake->calls("login"), 1);
    for (const auto& l : got) EXPECT_EQ(l, got.front());
    EXPECT_EQ(got.front()->login->username.rfind(username_prefix(got.front()->login->role), 0), 0U);
    EXPECT_EQ(p.roster().count().timers, 1U);
    EXPECT_EQ(p.events.successors.size(), 1U);
}

TEST(LeaseRoster, TwoTenantsHaveTheirOwn)
{
    playground p;
    const auto acme = p.tenant();
    const auto globex = p.tenant();
    const auto a = await(p.lane, p.roster().get(acme, role_class::rw, 5s));
    const auto b = await(p.lane, p.roster().get(globex, role_class::rw, 5s));
    EXPECT_NE(a->login->username, b->login->username);
    EXPECT_EQ(a->ref.tenant, acme.tenant);
    EXPECT_EQ(b->ref.tenant, globex.tenant);
    p.roster().retire(acme.tenant);
    EXPECT_EQ(p.roster().find(acme, role_class::rw), nullptr);
    EXPECT_EQ(p.roster().find(globex, role_class::rw), b);
}

TEST(LeaseRoster, EachWaiterHasItsOwnPatience)
{
    playground p;
    const auto where = p.tenant();
    p.fake->hold("issue");
    bool first_failed = false;
    lease_ptr second;
    asio::co_spawn(
        p.lane,
        p.roster().get(where, role_class::rw, 10ms),
        [&](std::exception_ptr failed, const lease_ptr&) {
            try {
                if (failed) std::rethrow_exception(failed);
            } catch (const error& why) {
                first_failed = why.code() == "broker_timeout";
            }
        }
    );
    asio::co_spawn(p.lane, p.roster().get(where, role_class::rw, 10s), [&](std::exception_ptr, lease_ptr l) {
        second = std::move(l);
    });
    run_until(p.lane, [&] { return first_failed; });
    p.fake->release("issue");
    run_until(p.lane, [&] { return second != nullptr; });
    EXPECT_EQ(p.fake->calls("issue"), 1);
}

TEST(LeaseRoster, NeverAsksForMigrateOrSupport)
{
    playground p;
    const auto where = p.tenant();
    EXPECT_NE(await(p.lane, p.roster().get(where, role_class::rw, 5s)), nullptr);
    for (const auto role : {role_class::migrate, role_class::support}) {
        try {
            await(p.lane, p.roster().get(where, role, 5s));
            FAIL() << "no error";
        } catch (const error& why) {
            EXPECT_EQ(why.code(), "broker_role_refused");
        }
    }
    EXPECT_EQ(p.fake->calls("issue"), 1);
}

TEST(LeaseRoster, RenewsByItsOneTimer)
{
    playground p;
    const auto where = p.tenant();
    const auto first = await(p.lane, p.roster().get(where, role_class::rw, 5s));
    p.clock.advance(2800s);
    run_until(p.lane, [&] { return !p.events.renewals.empty(); });
    EXPECT_EQ(p.events.renewals.front()->ref, first->ref);
    EXPECT_GT(p.events.renewals.front()->ends_at(), first->ends_at());
    EXPECT_EQ(p.fake->calls("issue"), 1);
}

TEST(LeaseRoster, AVerifiedSuccessorFollowsAndTheOldOneIsRevokedWhenDrained)
{
    playground p;
    const auto where = p.tenant(60s, 60s, false);
    p.events.on_end = [&](lease_ref which) { p.roster().drained(which); };
    const auto first = await(p.lane, p.roster().get(where, role_class::rw, 5s));
    EXPECT_EQ(p.fake->leases(), 1U);
    p.clock.advance(45s);
    p.roster().note_used(first->ref);
    run_until(p.lane, [&] { return p.events.successors.size() == 2; });
    EXPECT_EQ(p.verifier.asked, 1);
    EXPECT_EQ(p.events.successors[1].second, first->ref);
    run_until(p.lane, [&] { return p.fake->leases() == 1U; });
    EXPECT_EQ(p.events.ends.front().second, lease_end::revoked);
    EXPECT_EQ(p.roster().find(where, role_class::rw), p.events.successors[1].first);
}

TEST(LeaseRoster, ASuccessorThatFailsItsLoginIsNotUsed)
{
    playground p;
    p.verifier.answer = false;
    const auto where = p.tenant(60s, 60s, false);
    const auto first = await(p.lane, p.roster().get(where, role_class::rw, 5s));
    p.clock.advance(40s);
    run_until(p.lane, [&] { return p.verifier.asked == 1 && p.fake->leases() == 1; });
    EXPECT_EQ(p.events.successors.size(), 1U);
    EXPECT_EQ(p.roster().find(where, role_class::rw), first);
}

TEST(LeaseRoster, ARefusedLeaseIsReplacedOnce)
{
    playground p;
    const auto where = p.tenant();
    const auto first = await(p.lane, p.roster().get(where, role_class::rw, 5s));
    p.roster().report_refused(first->ref, "28P01");
    p.roster().report_refused(first->ref, "28P01");
    const auto second = await(p.lane, p.roster().get(where, role_class::rw, 5s));
    EXPECT_GT(second->ref.number, first->ref.number);
    EXPECT_EQ(p.fake->calls("issue"), 2);
    run_until(p.lane, [&] { return p.fake->leases() == 1U; });
}

TEST(LeaseRoster, RetireEndsTheWaitAndGivesBackALateLogin)
{
    playground p;
    const auto where = p.tenant();
    p.fake->hold("issue");
    std::string code;
    asio::co_spawn(
        p.lane,
        p.roster().get(where, role_class::rw, 10s),
        [&](std::exception_ptr failed, const lease_ptr&) {
            try {
                std::rethrow_exception(failed);
            } catch (const error& why) {
                code = why.code();
            }
        }
    );
    run_until(p.lane, [&] { return p.fake->calls("issue") == 1; });
    p.roster().retire(where.tenant);
    run_until(p.lane, [&] { return !code.empty(); });
    EXPECT_EQ(code, "broker_lease_retired");
    p.fake->release("issue");
    run_until(p.lane, [&] { return p.fake->calls("revoke") == 1; });
    run_until(p.lane, [&] { return p.fake->leases() == 0; });
    EXPECT_EQ(p.roster().count().keepers, 0U);
}

TEST(LeaseRoster, ALoginOfAnotherTenantIsRevokedAndNeverLent)
{
    playground p;
    const auto where = p.tenant();
    p.fake->give_wrong_logins(role_of(role_class::rw, tid::of(tenant_id::random()), 1).text());
    try {
        await(p.lane, p.roster().get(where, role_class::rw, 5s));
        FAIL() << "no error";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "broker_wrong_tenant");
    }
    run_until(p.lane, [&] { return p.fake->leases() == 0; });
    EXPECT_TRUE(p.events.successors.empty());
}

// Fifty tenants hold leases of a token that dies. Nobody waits for their successors, so each may come at a
// moment of its own within a tenth of what the old lease had left; time stands still between the steps.
TEST(LeaseRoster, B6_FiftyOldLeasesAreReplacedSpreadOutOverATenthOfTheirRest)
{
    constexpr std::size_t old_leases = 50;
    constexpr int steps = 60;
    constexpr auto window = 360s;  // a tenth of an hour: nothing has passed of it
    playground p;
    std::set<std::uint64_t> old;
    for (std::size_t i = 0; i < old_leases; ++i) {
        const auto held = await(p.lane, p.roster().get(p.tenant(), role_class::rw, 5s));
        old.insert(held->ref.number);
    }
    p.fake->kill_tokens();
    const auto before = p.fake->calls("issue");
    const auto newcomer = p.tenant();
    const auto fresh = await(p.lane, p.roster().get(newcomer, role_class::rw, 5s));  // notices, logs in
    const auto doomed_at = p.clock.boot();
    EXPECT_EQ(p.fake->calls("login"), 2);
    // The newcomer's two calls and at most the one or other that was due at once.
    EXPECT_LE(p.fake->calls("issue"), before + 5);

    const auto replaced = [&] { return p.events.successors.size() - old_leases - 1; };
    std::map<int, std::size_t> at;  // how many successors came in which step
    std::size_t so_far = 0;
    for (int step = 0; step <= steps; ++step) {
        settle(p.lane);
        if (step == steps) run_until(p.lane, [&] { return replaced() == old_leases; });
        if (replaced() != so_far) at[step] = replaced() - so_far;
        so_far = replaced();
        if (step < steps) p.clock.advance(window / steps);
    }
    EXPECT_EQ(p.clock.boot() - doomed_at, window);
    EXPECT_EQ(so_far, old_leases);

    // About one a step is the average. By chance a third of the steps stays empty and the fullest has five;
    // these bounds are far beyond what chance does, and far from all at once.
    EXPECT_GE(at.size(), 15U);
    for (const auto& [step, count] : at) EXPECT_LE(count, 12U) << "in step " << step;
    EXPECT_LT(at.begin()->first, steps / 3);
    EXPECT_GT(at.rbegin()->first, steps - steps / 3);
    // Every old lease was followed by one of its own tenant, once, and nobody logged in again for it.
    for (const auto& [next, previous] : p.events.successors) {
        if (previous.number == 0) continue;
        EXPECT_EQ(old.erase(previous.number), 1U);
        EXPECT_EQ(next->ref.tenant, previous.tenant);
    }
    EXPECT_TRUE(old.empty());
    EXPECT_EQ(p.fake->calls("login"), 2);
    EXPECT_EQ(p.roster().find(newcomer, role_class::rw), fresh);  // a lease of the new token stays
}

TEST(LeaseRoster, StopLeavesNothingBehind)
{
    playground p;
    for (int i = 0; i < 5; ++i) {
        const auto where = p.tenant();
        EXPECT_NE(await(p.lane, p.roster().get(where, role_class::rw, 5s)), nullptr);
    }
    EXPECT_EQ(p.fake->leases(), 5U);
    await(p.lane, p.roster().stop());
    await(p.lane, p.broker->stop());
    EXPECT_EQ(p.fake->leases(), 0U);
    EXPECT_EQ(p.fake->tokens(), 0U);
    EXPECT_EQ(p.roster().count().timers, 0U);
}

TEST(LeaseRoster, CallsToOneServerAreFourAtATime)
{
    playground p;
    p.fake->hold("issue");
    int done = 0;
    for (int i = 0; i < 20; ++i) {
        const auto where = p.tenant();
        asio::co_spawn(
            p.lane,
            p.roster().get(where, role_class::rw, 10s),
            [&](std::exception_ptr failed, const lease_ptr&) {
                EXPECT_FALSE(failed);
                ++done;
            }
        );
    }
    run_until(p.lane, [&] { return p.fake->calls("issue") == 4; });
    settle(p.lane);
    EXPECT_EQ(p.fake->calls("issue"), 4);
    p.fake->release("issue");
    run_until(p.lane, [&] { return done == 20; });
}

TEST(LeaseRoster, TenThousandLeasesHaveOneTimer)
{
    playground p;
    p.leases.calls_per_server = 64;
    p.leases.queue_per_server = 20000;
    std::size_t done = 0;
    for (int i = 0; i < 10000; ++i) {
        const auto where = p.tenant();
        asio::co_spawn(
            p.lane,
            p.roster().get(where, role_class::rw, 60s),
            [&](std::exception_ptr failed, const lease_ptr&) {
                EXPECT_FALSE(failed);
                ++done;
            }
        );
    }
    run_until(p.lane, [&] { return done == 10000; });
    EXPECT_EQ(p.roster().count().held, 10000U);
    EXPECT_EQ(p.roster().count().timers, 1U);
}

}  // namespace
}  // namespace leasehold::vault_client
