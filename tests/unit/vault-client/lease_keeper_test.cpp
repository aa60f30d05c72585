#include "lease_keeper.hpp"

#include <gtest/gtest.h>

namespace leasehold::vault_client {
namespace {

using namespace std::chrono_literals;
using kind = lease_action::kind;

// Drives one keeper event by event on a time of its own.
struct stage
{
    lease_settings settings;
    jitter chance{7};
    std::uint64_t numbers = 0;
    tenant_id tenant = tenant_id::random();
    boot_time now{1h};
    std::optional<lease_keeper> keeper;
    lease_actions out;

    stage()
    {
        settings.jitter = 0;
        placement_key placement(tenant, 1, "eu-1");
        keeper.emplace(placement, role_class::rw, settings, chance, numbers);
    }

    void pass(std::chrono::nanoseconds by) { now += by; }
    // To the moment the keeper named, which it must have.
    void to_due()
    {
        ASSERT_NE(keeper->due_at(), boot_time::max());
        now = std::max(now, keeper->due_at());
        keeper->due(now, out);
    }
    lease_ptr need() { return keeper->need(now, out); }

    issued login(seconds duration, bool renewable = true, std::string role = "")
    {
        if (role.empty()) role = role_of(role_class::rw, tid::of(tenant), 1).text();
        const auto id = "database/creds/" + role + "/" + std::to_string(++logins);
        return issued{
            .id = lease_id(id),
            .role = broker_role(role),
            .username = "lease_" + role + "_abc",
            .password = secret<std::string>("pw"),
            .duration = duration,
            .renewable = renewable,
            .asked_at = now,
            .token_generation = token,
        };
    }
    int logins = 0;
    std::uint64_t token = 1;

    lease_action take(kind what)
    {
        for (auto at = out.begin(); at != out.end(); ++at) {
            if (at->what != what) continue;
            auto found = *at;
            out.erase(at);
            return found;
        }
        ADD_FAILURE() << "no action of kind " << static_cast<int>(what);
        return {};
    }
    [[nodiscard]] std::size_t count(kind what) const
    {
        return static_cast<std::size_t>(std::count_if(out.begin(), out.end(), [&](const lease_action& a) {
            return a.what == what;
        }));
    }

    // absent to held
    lease_ptr hold(seconds duration = 3600s, bool renewable = true)
    {
        EXPECT_EQ(need(), nullptr);
        const auto fetch = take(kind::fetch);
        keeper->fetched(fetch.number, login(duration, renewable), now, out);
        take(kind::successor);
        return take(kind::answer).lease;
    }
    void renew_with(seconds duration, bool renewable = true)
    {
        const auto renew = take(kind::renew);
        term got;
        got.duration = duration;
        got.renewable = renewable;
        got.asked_at = now;
        keeper->renewed(renew.number, got, now, out);
    }
};

TEST(LeaseKeeper, FetchesOnceForAThousandWaiters)
{
    stage s;
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(s.need(), nullptr);
    EXPECT_EQ(s.count(kind::fetch), 1U);
    EXPECT_EQ(s.keeper->state(), lease_state::fetching);
    const auto fetch = s.take(kind::fetch);
    EXPECT_TRUE(fetch.is_urgent);
    s.keeper->fetched(fetch.number, s.login(3600s), s.now, s.out);
    EXPECT_EQ(s.count(kind::answer), 1U);
    EXPECT_EQ(s.keeper->state(), lease_state::held);
    EXPECT_NE(s.need(), nullptr);
}

TEST(LeaseKeeper, GivesTheErrorToAllWaitersAndStartsAgainAtTheNextNeed)
{
    stage s;
    s.need();
    s.need();
    const auto fetch = s.take(kind::fetch);
    s.keeper->fetch_failed(fetch.number, failure_report(failure::sealed), s.now, s.out);
    EXPECT_EQ(s.take(kind::fail).cause->what, failure::sealed);
    EXPECT_EQ(s.keeper->state(), lease_state::absent);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, RenewsAUsedLeaseAtItsShareOfTheTerm)
{
    stage s;
    const auto first = s.hold(1000s);
    s.keeper->used(first->ref.number);
    s.to_due();
    EXPECT_EQ(s.now - first->asked_at, 660s);
    EXPECT_EQ(s.keeper->state(), lease_state::renewing);
    s.renew_with(1000s);
    EXPECT_EQ(s.keeper->state(), lease_state::held);
    const auto longer = s.take(kind::renewed).lease;
    EXPECT_EQ(longer->ref, first->ref);
    EXPECT_EQ(longer->login, first->login);
    EXPECT_EQ(longer->ends_at(), s.now + 1000s);
}

TEST(LeaseKeeper, LetsAnUnusedLeaseGo)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    s.renew_with(1000s);  // the waiter that got it counts as use
    s.take(kind::renewed);
    s.to_due();
    EXPECT_EQ(s.count(kind::renew), 0U);
    const auto ending = s.take(kind::ending);
    EXPECT_EQ(ending.previous, first->ref);
    EXPECT_EQ(s.keeper->state(), lease_state::absent);
    EXPECT_EQ(s.keeper->draining(), 1U);
    s.keeper->drained(first->ref.number, s.now, s.out);
    EXPECT_EQ(s.take(kind::ended).why, lease_end::revoked);
    EXPECT_EQ(s.take(kind::revoke).id, first->login->id);
    EXPECT_TRUE(s.keeper->is_forgettable(s.now));
}

TEST(LeaseKeeper, ReplacesACappedLeaseOnlyAfterALoginWithTheSuccessor)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    s.renew_with(200s);  // asked for 1000
    s.take(kind::renewed);
    const auto end = s.now + 200s;
    EXPECT_EQ(s.keeper->state(), lease_state::held);
    const auto capped_at = s.now;
    s.to_due();
    // The earlier of 0.66 of the rest and end - 2 x drain (30 s), here 132 s and 140 s.
    EXPECT_EQ(s.now - capped_at, 132s);
    EXPECT_EQ(s.keeper->state(), lease_state::succeeding);
    const auto fetch = s.take(kind::fetch);
    EXPECT_FALSE(fetch.is_urgent);
    s.keeper->fetched(fetch.number, s.login(1000s), s.now, s.out);
    EXPECT_EQ(s.count(kind::successor), 0U);
    EXPECT_EQ(s.need()->ref, first->ref);  // still the old one
    const auto verify = s.take(kind::verify);
    s.keeper->verified(verify.number, true, s.now, s.out);
    const auto successor = s.take(kind::successor);
    EXPECT_EQ(successor.previous, first->ref);
    EXPECT_GT(successor.lease->ref.number, first->ref.number);
    EXPECT_EQ(s.take(kind::ending).by, end - 3s);
    EXPECT_EQ(s.need()->ref, successor.lease->ref);
}

TEST(LeaseKeeper, ReplacesALeaseThatCannotBeRenewed)
{
    stage s;
    s.hold(60s, false);
    s.to_due();
    EXPECT_EQ(s.count(kind::renew), 0U);
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, NeverReplacesInTheFirstThird)
{
    stage s;
    s.settings.rotate_at = 0.05;
    const auto first = s.hold(1000s);
    EXPECT_EQ(s.keeper->due_at() - first->asked_at, 300s);
}

TEST(LeaseKeeper, KeepsAValidLeaseForWantOfABetterOne)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.keeper->used(first->ref.number);
    int fetches = 0;
    while (s.now < first->ends_at() - 16s) {
        s.to_due();
        while (s.count(kind::fetch) > 0) {
            ++fetches;
            s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::sealed), s.now, s.out);
        }
        EXPECT_EQ(s.keeper->state(), lease_state::held);
    }
    EXPECT_GT(fetches, 2);
    EXPECT_LT(fetches, 60);
    EXPECT_EQ(s.count(kind::ended), 0U);
    while (s.now < first->ends_at()) {
        s.to_due();
        while (s.count(kind::fetch) > 0) {
            s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::sealed), s.now, s.out);
        }
    }
    EXPECT_EQ(s.take(kind::ended).why, lease_end::expired);
    EXPECT_EQ(s.keeper->state(), lease_state::absent);
}

TEST(LeaseKeeper, NeverLendsALeaseWithLessThanDrainLeft)
{
    stage s;
    const auto first = s.hold(3600s, false);
    s.now = first->ends_at() - 31s;
    EXPECT_NE(s.need(), nullptr);
    s.now = first->ends_at() - 30s;
    EXPECT_EQ(s.need(), nullptr);
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, DrainIsAtMostAQuarterOfTheTerm)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.now = first->ends_at() - 16s;
    EXPECT_NE(s.need(), nullptr);
    s.now = first->ends_at() - 15s;
    EXPECT_EQ(s.need(), nullptr);
}

TEST(LeaseKeeper, ALeaseTheBrokerLostIsDeadAndFetchedOnce)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    const auto renew = s.take(kind::renew);
    s.keeper->renew_failed(renew.number, failure_report(failure::lease_gone), s.now, s.out);
    EXPECT_EQ(s.take(kind::ended).why, lease_end::dead);
    EXPECT_EQ(s.count(kind::revoke), 0U);
    EXPECT_EQ(s.count(kind::fetch), 1U);
    EXPECT_EQ(s.keeper->state(), lease_state::fetching);
    s.keeper->renew_failed(
        renew.number, failure_report(failure::lease_gone), s.now, s.out
    );  // comes twice: dropped
    EXPECT_EQ(s.count(kind::fetch), 1U);
    EXPECT_EQ(s.count(kind::ended), 0U);
    static_cast<void>(first);
}

TEST(LeaseKeeper, AFailedRenewalIsTriedAgainThenReplaced)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    int renewals = 0;
    while (s.count(kind::fetch) == 0) {
        ASSERT_LT(++renewals, 1000);
        ASSERT_EQ(s.count(kind::renew), 1U);
        s.keeper->renew_failed(s.take(kind::renew).number, failure_report(failure::not_active), s.now, s.out);
        s.to_due();
    }
    EXPECT_GT(renewals, 3);
    EXPECT_LT(s.now, first->ends_at() - 30s);
}

TEST(LeaseKeeper, ARefusedLeaseIsDeadOnceWhoeverSaysIt)
{
    stage s;
    const auto first = s.hold();
    s.keeper->refused(first->ref.number, s.now, s.out);
    s.keeper->refused(first->ref.number, s.now, s.out);
    EXPECT_EQ(s.count(kind::ended), 1U);
    EXPECT_EQ(s.count(kind::fetch), 1U);
    EXPECT_EQ(s.count(kind::revoke), 1U);  // refused is also revoked: its password may have been changed
}

TEST(LeaseKeeper, SecondRefusalPausesAndThereIsNoThirdInThatMinute)
{
    stage s;
    const auto began = s.now;
    auto held = s.hold();
    s.keeper->refused(held->ref.number, s.now, s.out);
    s.keeper->fetched(s.take(kind::fetch).number, s.login(3600s), s.now, s.out);
    held = s.take(kind::successor).lease;
    s.keeper->refused(held->ref.number, s.now, s.out);
    EXPECT_EQ(s.count(kind::fetch), 0U);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 0U);
    s.to_due();
    EXPECT_EQ(s.now - began, 5s);
    s.keeper->fetched(s.take(kind::fetch).number, s.login(3600s), s.now, s.out);
    held = s.take(kind::successor).lease;
    s.keeper->refused(held->ref.number, s.now, s.out);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 0U);
    s.to_due();
    EXPECT_EQ(s.now - began, 60s);
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, ASuccessorThatCannotLogInIsDiscarded)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.keeper->used(first->ref.number);
    s.to_due();
    s.keeper->fetched(s.take(kind::fetch).number, s.login(60s, false), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, false, s.now, s.out);
    EXPECT_EQ(s.take(kind::ended).why, lease_end::discarded);
    EXPECT_EQ(s.count(kind::revoke), 1U);
    EXPECT_EQ(s.need()->ref, first->ref);
}

TEST(LeaseKeeper, AnUnverifiedSuccessorIsBetterThanNothing)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.to_due();
    s.keeper->fetched(s.take(kind::fetch).number, s.login(60s, false), s.now, s.out);
    const auto verify = s.take(kind::verify);
    s.keeper->refused(first->ref.number, s.now, s.out);  // while it is being verified
    EXPECT_EQ(s.take(kind::successor).lease->ref.number, verify.number);
    EXPECT_EQ(s.count(kind::fetch), 0U);
    s.keeper->verified(verify.number, true, s.now, s.out);  // too late, and harmless
    EXPECT_EQ(s.count(kind::successor), 0U);
}

TEST(LeaseKeeper, AnotherTenantsLoginIsRevokedAndNothingIsLent)
{
    stage s;
    s.need();
    const auto fetch = s.take(kind::fetch);
    const auto other = role_of(role_class::rw, tid::of(tenant_id::random()), 1);
    s.keeper->fetched(fetch.number, s.login(3600s, true, other.text()), s.now, s.out);
    EXPECT_EQ(s.count(kind::revoke), 1U);
    EXPECT_EQ(s.count(kind::wrong_tenant), 1U);
    EXPECT_EQ(s.take(kind::fail).cause->what, failure::wrong_tenant);
    EXPECT_EQ(s.count(kind::successor), 0U);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 0U);  // quarantined
    EXPECT_EQ(s.take(kind::fail).cause->what, failure::wrong_tenant);
    s.pass(61s);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, ALostAnswerPausesAndASecondOnePausesLonger)
{
    stage s;
    s.need();
    s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::answer_lost), s.now, s.out);
    EXPECT_EQ(s.count(kind::orphan), 1U);
    EXPECT_EQ(s.count(kind::fail), 0U);  // who waits goes on waiting
    const auto before = s.now;
    s.to_due();
    EXPECT_GE(s.now - before, 2s);
    EXPECT_LE(s.now - before, 10s);
    s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::answer_lost), s.now, s.out);
    const auto second = s.now;
    s.to_due();
    EXPECT_EQ(s.now - second, 60s);
    EXPECT_EQ(s.count(kind::orphan), 2U);
}

TEST(LeaseKeeper, NobodyWaitsNothingIsFetchedAfterALostAnswer)
{
    stage s;
    s.need();
    s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::answer_lost), s.now, s.out);
    s.keeper->gave_up();
    s.pass(30s);
    s.keeper->due(s.now, s.out);
    EXPECT_EQ(s.count(kind::fetch), 0U);
}

TEST(LeaseKeeper, ALastingFailureAnswersAtOnceUntilItsPauseEnds)
{
    stage s;
    s.need();
    s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::server_fault), s.now, s.out);
    s.take(kind::fail);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 0U);
    EXPECT_EQ(s.take(kind::fail).cause->what, failure::server_fault);
    s.pass(31s);
    s.need();
    EXPECT_EQ(s.count(kind::fetch), 1U);
}

TEST(LeaseKeeper, ADoomedLeaseIsReplacedWithinATenthOfItsRest)
{
    stage s;
    const auto first = s.hold(1000s);
    s.keeper->used(first->ref.number);
    s.keeper->doom(2, 0.1, s.now);
    EXPECT_LE(s.keeper->due_at() - s.now, 100s);
    s.token = 2;
    s.to_due();
    EXPECT_EQ(s.count(kind::renew), 0U);
    s.keeper->fetched(s.take(kind::fetch).number, s.login(1000s), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, true, s.now, s.out);
    EXPECT_EQ(s.take(kind::successor).lease->token_generation, 2U);
    s.keeper->doom(2, 0.1, s.now);  // its own generation: nothing to do
    EXPECT_EQ(s.keeper->due_at() - s.now, 660s);
}

TEST(LeaseKeeper, ALoginMadeUnderAnOldTokenIsDoomedOnArrival)
{
    stage s;
    s.need();
    s.keeper->doom(2, 0.1, s.now);
    s.keeper->fetched(s.take(kind::fetch).number, s.login(1000s), s.now, s.out);
    EXPECT_LE(s.keeper->due_at() - s.now, 100s);
}

TEST(LeaseKeeper, RetireEndsEverythingAndALateLoginIsGivenBack)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.to_due();
    const auto fetch = s.take(kind::fetch);
    s.keeper->retire(failure::retired, s.now, s.out);
    EXPECT_EQ(s.take(kind::ended).previous, first->ref);
    EXPECT_EQ(s.take(kind::revoke).id, first->login->id);
    s.keeper->fetched(fetch.number, s.login(60s), s.now, s.out);
    EXPECT_EQ(s.count(kind::revoke), 1U);
    EXPECT_EQ(s.count(kind::successor), 0U);
}

TEST(LeaseKeeper, ADrainingLeaseEndsAtItsEnd)
{
    stage s;
    const auto first = s.hold(60s, false);
    s.to_due();
    s.keeper->fetched(s.take(kind::fetch).number, s.login(60s, false), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, true, s.now, s.out);
    s.take(kind::ending);
    s.out.clear();
    s.now = first->ends_at();
    s.keeper->due(s.now, s.out);
    const auto ended = s.take(kind::ended);
    EXPECT_EQ(ended.previous, first->ref);
    EXPECT_EQ(ended.why, lease_end::expired);
}

// Its token was renewed by a login: the lease is replaced although the broker would prolong it.
lease_ptr replace(stage& s)
{
    const auto first = s.hold(1000s);
    s.keeper->doom(2, 0.1, s.now);
    s.token = 2;
    s.to_due();
    s.keeper->fetched(s.take(kind::fetch).number, s.login(1000s), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, true, s.now, s.out);
    s.take(kind::successor);
    EXPECT_EQ(s.take(kind::ending).previous, first->ref);
    return first;
}

TEST(LeaseKeeper, APinnedSessionHasItsDrainingLeaseRenewed)
{
    stage s;
    const auto first = replace(s);
    for (int i = 0; i < 3; ++i) {
        s.keeper->kept(first->ref.number);
        s.out.clear();
        while (s.count(kind::renew) == 0) {
            s.to_due();
            for (const auto& what : s.out) ASSERT_NE(what.previous, first->ref);  // neither called nor ended
        }
        s.renew_with(1000s);
        EXPECT_EQ(s.take(kind::renewed).lease->ref, first->ref);
    }
    // Nobody keeps it any more: it is not renewed, and ends.
    const auto end = s.now + 1000s;
    boot_time last_call_for{};
    s.out.clear();
    while (s.count(kind::ended) == 0) {
        s.to_due();
        for (const auto& what : s.out) {
            ASSERT_FALSE(what.what == kind::renew && what.number == first->ref.number);
            if (what.what == kind::last_call) last_call_for = what.by;
        }
    }
    EXPECT_EQ(s.now, end);
    EXPECT_EQ(s.take(kind::ended).why, lease_end::expired);
    EXPECT_EQ(s.count(kind::last_call), 1U);
    EXPECT_EQ(last_call_for, end - 3s);
}

TEST(LeaseKeeper, ALeaseThatIsNotTrustedIsReplacedAtOnceAndGivenBackAfterDrain)
{
    stage s;
    const auto first = s.hold(1000s);
    s.pass(10s);
    s.keeper->replace(s.now, s.out);
    s.to_due();
    EXPECT_EQ(s.now - first->asked_at, 10s);
    s.keeper->fetched(s.take(kind::fetch).number, s.login(1000s), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, true, s.now, s.out);
    s.take(kind::successor);
    const auto end = s.now + 30s;
    EXPECT_EQ(s.take(kind::ending).by, end);
    s.keeper->kept(first->ref.number);  // by a pinned session: that does not help
    s.to_due();
    EXPECT_EQ(s.now, end);
    EXPECT_EQ(s.count(kind::renew), 0U);
    EXPECT_EQ(s.take(kind::ended).previous, first->ref);
    EXPECT_EQ(s.take(kind::revoke).id, first->login->id);
    EXPECT_EQ(s.keeper->draining(), 0U);
    EXPECT_EQ(s.keeper->state(), lease_state::held);
}

TEST(LeaseKeeper, AnUnusedLeaseThatIsNotTrustedIsGivenBackWithoutASuccessor)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    s.renew_with(1000s);
    s.take(kind::renewed);
    s.keeper->replace(s.now, s.out);
    s.to_due();
    EXPECT_EQ(s.count(kind::fetch), 0U);
    EXPECT_EQ(s.take(kind::ending).previous, first->ref);
    s.keeper->drained(first->ref.number, s.now, s.out);
    EXPECT_EQ(s.take(kind::revoke).id, first->login->id);
}

TEST(LeaseKeeper, AKeptLeaseThatIsCappedEndsAfterItsLastCall)
{
    stage s;
    const auto first = s.hold(1000s);
    s.to_due();
    s.renew_with(200s);
    const auto end = s.take(kind::renewed).lease->ends_at();
    s.to_due();
    s.keeper->fetched(s.take(kind::fetch).number, s.login(1000s), s.now, s.out);
    s.keeper->verified(s.take(kind::verify).number, true, s.now, s.out);
    s.keeper->kept(first->ref.number);
    s.out.clear();
    s.to_due();
    EXPECT_EQ(s.now, end - 30s);
    EXPECT_EQ(s.count(kind::renew), 0U);
    const auto call = s.take(kind::last_call);
    EXPECT_EQ(call.previous, first->ref);
    EXPECT_EQ(call.by, end - 3s);
    s.to_due();
    EXPECT_EQ(s.now, end);
    EXPECT_EQ(s.take(kind::ended).previous, first->ref);
}

TEST(LeaseKeeper, AKeptLeaseThatTheBrokerLostIsDead)
{
    stage s;
    const auto first = replace(s);
    s.keeper->kept(first->ref.number);
    while (s.count(kind::renew) == 0) s.to_due();
    s.keeper->renew_failed(s.take(kind::renew).number, failure_report(failure::lease_gone), s.now, s.out);
    const auto ended = s.take(kind::ended);
    EXPECT_EQ(ended.previous, first->ref);
    EXPECT_EQ(ended.why, lease_end::dead);
    EXPECT_EQ(s.count(kind::revoke), 0U);
    EXPECT_EQ(s.keeper->draining(), 0U);
    EXPECT_EQ(s.keeper->state(), lease_state::held);  // the successor notices nothing
}

TEST(LeaseKeeper, WithoutABrokerTheLastCallComesOnceBeforeTheEnd)
{
    stage s;
    const auto first = s.hold(1000s);
    while (s.count(kind::last_call) == 0) {
        s.to_due();
        if (s.count(kind::renew) != 0)
            s.keeper->renew_failed(s.take(kind::renew).number, failure_report(failure::sealed), s.now, s.out);
        if (s.count(kind::fetch) != 0)
            s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::sealed), s.now, s.out);
    }
    EXPECT_EQ(s.now, first->ends_at() - 30s);
    EXPECT_EQ(s.take(kind::last_call).by, first->ends_at() - 3s);
    while (s.count(kind::ended) == 0) {
        s.to_due();
        if (s.count(kind::fetch) != 0)
            s.keeper->fetch_failed(s.take(kind::fetch).number, failure_report(failure::sealed), s.now, s.out);
    }
    EXPECT_EQ(s.count(kind::last_call), 0U);
    EXPECT_EQ(s.now, first->ends_at());
}

TEST(LeaseKeeper, AMachineThatSleptUsesNothingThatExpired)
{
    stage s;
    s.hold(3600s);
    s.pass(2h);
    EXPECT_EQ(s.need(), nullptr);
    s.keeper->due(s.now, s.out);
    EXPECT_EQ(s.take(kind::ended).why, lease_end::expired);
}

// The whole conversation of a lease whose role allows 60 s in all, for an hour: never a moment without a
// usable one.
TEST(LeaseKeeper, RotatesForAnHourWithoutAGap)
{
    stage s;
    auto held = s.hold(60s);
    auto issued_at = held->asked_at;
    const auto stop = s.now + 1h;
    int rotations = 0;
    while (s.now < stop) {
        s.to_due();
        ASSERT_NE(s.need(), nullptr) << "after " << rotations;
        while (!s.out.empty()) {
            const auto what = s.out.front();
            s.out.erase(s.out.begin());
            if (what.what == kind::renew) {
                term got;
                got.duration =
                    std::chrono::duration_cast<seconds>(issued_at + 60s - s.now);  // the broker's cap
                got.renewable = true;
                got.asked_at = s.now;
                s.keeper->renewed(what.number, got, s.now, s.out);
            } else if (what.what == kind::fetch) {
                s.keeper->fetched(what.number, s.login(60s), s.now, s.out);
            } else if (what.what == kind::verify) {
                s.keeper->verified(what.number, true, s.now, s.out);
                issued_at = what.lease->asked_at;
                ++rotations;
            }
        }
    }
    EXPECT_GT(rotations, 70);
    EXPECT_LT(rotations, 130);
}

}  // namespace
}  // namespace leasehold::vault_client
