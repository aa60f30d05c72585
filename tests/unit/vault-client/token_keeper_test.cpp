#include "playground.hpp"

namespace leasehold::vault_client {
namespace {

TEST(TokenKeeper, LogsInOnceForAllWhoAsk)
{
    playground p;
    p.fake->hold("login");
    int done = 0;
    for (int i = 0; i < 50; ++i) {
        asio::co_spawn(
            p.lane,
            p.broker->tokens().ensure(),
            [&](std::exception_ptr failed, std::uint64_t generation) {
                EXPECT_FALSE(failed);
                EXPECT_EQ(generation, 1U);
                ++done;
            }
        );
    }
    run_until(p.lane, [&] { return p.fake->calls("login") == 1; });
    p.fake->release("login");
    run_until(p.lane, [&] { return done == 50; });
    EXPECT_EQ(p.fake->calls("login"), 1);
}

TEST(TokenKeeper, RenewsAroundHalfOfItsLife)
{
    playground p;
    await(p.lane, p.broker->tokens().ensure());
    p.clock.advance(p.fake->token_ttl * 44 / 100);
    settle(p.lane);
    EXPECT_EQ(p.fake->calls("renew_self"), 0);
    p.clock.advance(p.fake->token_ttl * 12 / 100);
    run_until(p.lane, [&] { return p.fake->calls("renew_self") == 1; });
    settle(p.lane);
    p.clock.advance(p.fake->token_ttl * 60 / 100);
    run_until(p.lane, [&] { return p.fake->calls("renew_self") == 2; });
    EXPECT_EQ(p.fake->calls("login"), 1);
}

TEST(TokenKeeper, ACappedTokenIsFollowedByAFreshLoginBeforeItsEnd)
{
    playground p;
    p.fake->token_max = p.fake->token_ttl;
    await(p.lane, p.broker->tokens().ensure());
    const auto end = p.broker->tokens().ends_at();
    p.clock.advance(p.fake->token_ttl * 56 / 100);
    run_until(p.lane, [&] { return p.fake->calls("renew_self") == 1; });
    settle(p.lane);
    p.clock.advance(p.fake->token_ttl * 34 / 100);
    run_until(p.lane, [&] { return p.fake->calls("login") == 2; });
    EXPECT_LT(p.clock.boot(), end);
    run_until(p.lane, [&] { return p.broker->tokens().generation() == 2; });
}

TEST(TokenKeeper, ADeadTokenIsReplacedByOneLogin)
{
    playground p;
    await(p.lane, p.broker->tokens().ensure());
    p.fake->kill_tokens();
    p.clock.advance(p.fake->token_ttl * 56 / 100);
    run_until(p.lane, [&] { return p.broker->tokens().generation() == 2; });
    EXPECT_EQ(p.fake->calls("login"), 2);
}

TEST(TokenKeeper, AFailedLoginIsSaidToAllAndTriedAgainWhenAsked)
{
    playground p;
    p.fake->fail("login", failure::login_refused);
    try {
        await(p.lane, p.broker->tokens().ensure());
        FAIL() << "no error";
    } catch (const error& why) {
        EXPECT_EQ(why.cause(), failure::login_refused);
    }
    EXPECT_EQ(await(p.lane, p.broker->tokens().ensure()), 1U);
}

TEST(TokenKeeper, RefusesABatchToken)
{
    struct batch final : identity
    {
        const std::string& name() const noexcept override { return text; }
        bool owns_token() const noexcept override { return true; }
        task<token_grant> login(broker&) override
        {
            token_grant grant;
            grant.token = secret<std::string>("b.AAAA");
            grant.ttl = 3600s;
            grant.is_service = false;
            co_return grant;
        }
        void use_files(const broker_identity_config&) override {}  // it has none
        std::string text = "batch";
    };
    playground p;
    batch who;
    token_keeper keeper(p.lane, *p.fake, who, p.token, p.clock, p.counters);
    try {
        await(p.lane, keeper.ensure());
        FAIL() << "no error";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "broker_token_unsuitable");
    }
}

TEST(TokenKeeper, StopRevokesItsTokenAndNobodyElses)
{
    playground p;
    await(p.lane, p.broker->tokens().ensure());
    EXPECT_EQ(p.fake->tokens(), 1U);
    await(p.lane, p.broker->stop());
    EXPECT_EQ(p.fake->tokens(), 0U);

    playground other;
    create_secret_file(other.files.folder / "token", "s.root");
    other.fake->add_token("s.root", 3600s);
    auto who = create_token_identity("dev", other.files.folder / "token");
    token_keeper keeper(other.lane, *other.fake, *who, other.token, other.clock, other.counters);
    await(other.lane, keeper.ensure());
    await(other.lane, keeper.stop());
    EXPECT_EQ(other.fake->tokens(), 1U);
}

TEST(TokenKeeper, StopIsBounded)
{
    playground p;
    p.token.stop_limit = 50ms;
    auto who = p.files.approle();
    token_keeper keeper(p.lane, *p.fake, *who, p.token, p.clock, p.counters);
    await(p.lane, keeper.ensure());
    p.fake->hold("revoke_self");
    await(p.lane, keeper.stop());
    EXPECT_EQ(p.fake->calls("revoke_self"), 1);
}

TEST(IdentifiedBroker, RepeatsWhatIsSafeAndNothingElse)
{
    struct expected
    {
        failure what;
        int renewals;  // of an idempotent call
        int issues;
    };
    const expected cases[] = {
        {failure::unreachable, 3, 3},
        {failure::not_active, 3, 3},
        {failure::throttled, 3, 3},
        {failure::stale, 3, 3},
        {failure::answer_lost, 3, 1},
        {failure::server_busy, 3, 1},
        {failure::sealed, 1, 1},
        {failure::denied, 1, 1},
        {failure::server_fault, 1, 1},
        {failure::tls, 1, 1},
        {failure::protocol, 1, 1},
        {failure::refused, 1, 1},
        {failure::role_unknown, 1, 1},
    };
    for (const auto& each : cases) {
        playground p;
        const auto role = role_of(role_class::rw, tid::of(p.tenant().tenant), 1);
        p.fake->fail("get_role", each.what, 9);
        p.fake->fail("issue", each.what, 9);
        EXPECT_THROW(await(p.lane, p.broker->get_role(role)), error);
        EXPECT_THROW(await(p.lane, p.broker->issue(role, write_index())), error);
        EXPECT_EQ(p.fake->calls("get_role"), each.renewals) << facts_of(each.what).name;
        EXPECT_EQ(p.fake->calls("issue"), each.issues) << facts_of(each.what).name;
        EXPECT_EQ(p.fake->calls("login"), 1) << facts_of(each.what).name;
    }
}

TEST(IdentifiedBroker, WaitsForARoleItHasJustWritten)
{
    playground p;
    const auto role = role_of(role_class::rw, tid::of(tenant_id::random()), 1);
    role_terms terms;
    terms.server = config_name("eu-1");
    await(p.lane, p.broker->put_role(role, terms));
    p.fake->fail("issue", failure::role_unknown, 2);
    EXPECT_EQ(await(p.lane, p.broker->issue(role, write_index())).role, role);
    EXPECT_EQ(p.fake->calls("issue"), 3);
    p.clock.advance(6s);
    p.fake->fail("issue", failure::role_unknown, 1);
    EXPECT_THROW(await(p.lane, p.broker->issue(role, write_index())), error);
}

TEST(IdentifiedBroker, ADeadTokenCostsOneLoginAndOneRepeat)
{
    playground p;
    const auto role = role_of(role_class::rw, tid::of(p.tenant().tenant), 1);
    await(p.lane, p.broker->issue(role, write_index()));
    p.fake->kill_tokens();
    int done = 0;
    for (int i = 0; i < 200; ++i) {
        asio::co_spawn(p.lane, p.broker->get_role(role), [&](std::exception_ptr failed, const auto&) {
            EXPECT_FALSE(failed);
            ++done;
        });
    }
    run_until(p.lane, [&] { return done == 200; });
    EXPECT_EQ(p.fake->calls("login"), 2);
    EXPECT_EQ(p.fake->calls("get_role"), 400);
}

TEST(IdentifiedBroker, ATokenThatDiesAgainIsNotChasedInALoop)
{
    playground p;
    const auto role = role_of(role_class::rw, tid::of(p.tenant().tenant), 1);
    p.fake->fail("get_role", failure::token_dead, 100);
    EXPECT_THROW(await(p.lane, p.broker->get_role(role)), error);
    EXPECT_LE(p.fake->calls("login"), 2);
    EXPECT_EQ(p.fake->calls("get_role"), 2);
}

}  // namespace
}  // namespace leasehold::vault_client
