#include "router_stage.hpp"

#include <gtest/gtest.h>

#include <future>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;
using clock = std::chrono::steady_clock;

// psql in the middle of a long query; what it was told at the end, and when.
struct running_query
{
    running_query(
        const router_stage& s, const test_tenant& tenant, std::string sql = "select pg_sleep(60) /* long */"
    )
        : ended(std::async(std::launch::async, [this, &s, &tenant, sql = std::move(sql)] {
            auto told = s.psql(tenant, tenant.key, sql);
            at = clock::now();
            return told;
        }))
    {}
    clock::time_point at;
    std::future<std::string> ended;
};

bool wait_for_query(const router_stage& s, const test_tenant& tenant, std::size_t count = 1)
{
    return eventually([&] {
        const auto look = database::connect(s.postgres.superuser_endpoint());
        return look->run_plain_rows(
                       "select 1 from pg_stat_activity where datname = '" + tenant.database +
                       "' and query like '%long%' and state = 'active'"
               )
                   .size() == count;
    });
}

TEST(RouterKill, W10_SuspendCutsARunningQueryAndResumeServesAgain)
{
    router_stage s;
    s.start();
    const auto other = database::connect(s.client(s.globex));
    running_query query(s, s.acme);
    const auto idle = database::connect(s.client(s.acme));
    ASSERT_TRUE(wait_for_query(s, s.acme));

    s.set_state(s.acme, "suspended");
    const auto committed = clock::now();
    const auto told = query.ended.get();
    EXPECT_NE(told.find("FATAL:  57P01"), std::string::npos) << told;
    EXPECT_NE(told.find("code=session_revoked"), std::string::npos) << told;
    EXPECT_LT(query.at - committed, 1s);
    EXPECT_NE(sqlstate_of(*idle, "select 1"), "");
    s.wait_applied();
    EXPECT_EQ(s.backends_of(s.acme), 0);  // acknowledged means done
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "57P03");
    EXPECT_EQ(first_text(*other, "select text from notes"), "globex");

    s.set_state(s.acme, "active");
    s.wait_applied();
    const auto again = database::connect(s.client(s.acme));
    EXPECT_EQ(first_text(*again, "select text from notes"), "acme");
}

TEST(RouterKill, W10_CopyPinnedAndWaitingSessionsEndAlike)
{
    router_stage s;
    s.values.router.pool.max_per_tenant = 3;
    s.start();
    running_query query(s, s.acme);
    running_query copy(s, s.acme, "copy (select pg_sleep(60) /* long */) to stdout");
    running_query pinned(s, s.acme, "listen a; select pg_sleep(60) /* long */");
    ASSERT_TRUE(wait_for_query(s, s.acme, 3));
    // All server connections are taken: one more session waits for its first.
    const auto session = database::connect(s.client(s.acme));
    auto waiting = std::async(std::launch::async, [&] { return sqlstate_of(*session, "select 1"); });
    ASSERT_TRUE(eventually([] {
        return process_metrics().to_text().find("leasehold_router_clients{state=\"waiting\"} 1") !=
               std::string::npos;
    }));
    const auto count = [&] { return s.backends_of(s.acme); };
    EXPECT_EQ(count(), 3);

    s.set_state(s.acme, "suspended");
    const auto committed = clock::now();
    for (auto* one : {&query, &copy, &pinned}) {
        const auto told = one->ended.get();
        EXPECT_NE(told.find("FATAL:  57P01"), std::string::npos) << told;
        EXPECT_LT(one->at - committed, 1s);
    }
    EXPECT_NE(waiting.get(), "");
    EXPECT_LT(clock::now() - committed, 1s);
    s.wait_applied();
    EXPECT_EQ(count(), 0);
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");
}

TEST(RouterKill, W10_ARevokedKeyCutsCopyPinnedAndWaitingSessionsAndServesTheOthers)
{
    router_stage s;
    s.values.router.pool.max_per_tenant = 3;
    s.values.router.pool.checkout_timeout = 30s;
    const auto second = s.add_key(s.acme.id, "write");
    s.start();
    const auto other = database::connect(s.client(s.acme, second));
    const auto waits = database::connect(s.client(s.acme));
    running_query query(s, s.acme);
    running_query copy(s, s.acme, "copy (select pg_sleep(60) /* long */) to stdout");
    running_query pinned(s, s.acme, "listen a; select pg_sleep(60) /* long */");
    ASSERT_TRUE(wait_for_query(s, s.acme, 3));
    auto of_the_key = std::async(std::launch::async, [&] { return sqlstate_of(*waits, "select 1"); });
    auto of_another = std::async(std::launch::async, [&] { return first_text(*other, "select 1"); });
    ASSERT_TRUE(eventually([] {
        return process_metrics().to_text().find("leasehold_router_clients{state=\"waiting\"} 2") !=
               std::string::npos;
    }));

    s.revoke(s.acme.key);
    const auto committed = clock::now();
    for (auto* one : {&query, &copy, &pinned}) {
        const auto told = one->ended.get();
        EXPECT_NE(told.find("FATAL:  57P01"), std::string::npos) << told;
        EXPECT_LT(one->at - committed, 1s);
    }
    EXPECT_NE(of_the_key.get(), "");
    EXPECT_LT(clock::now() - committed, 1s);
    s.wait_applied();
    EXPECT_TRUE(wait_for_query(s, s.acme, 0));
    EXPECT_EQ(of_another.get(), "1");  // who waited with another key gets the place
    EXPECT_TRUE(eventually([&] { return s.backends_of(s.acme) <= 1; }));
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "28000");
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");
}

// Whoever sends SQL may give the lease's login a password of his own, and come back past the router.
TEST(RouterKill, W10_ALeaseThatARevokedKeyCouldUseIsReplacedAndRevoked)
{
    router_stage s;
    s.values.router.lease.drain = 2s;
    const auto second = s.add_key(s.acme.id, "write");
    s.start();
    const auto stolen = database::connect(s.client(s.acme));
    const auto other = database::connect(s.client(s.acme, second));
    const auto neighbour = database::connect(s.client(s.globex));
    const auto login = first_text(*stolen, "select session_user");
    EXPECT_EQ(first_text(*other, "select session_user"), login);
    const auto of_globex = first_text(*neighbour, "select session_user");
    stolen->run_plain("set role none");
    stolen->run_plain("alter role \"" + login + "\" password 'mine'");
    auto past_the_router = s.postgres.login_endpoint(s.acme.database, login, "mine");
    EXPECT_EQ(sqlstate_of_login(past_the_router), "");

    s.revoke(s.acme.key);
    EXPECT_TRUE(eventually([&] { return sqlstate_of_login(past_the_router) == "28P01"; }));
    EXPECT_NE(first_text(*other, "select session_user"), login);  // who is left goes over, without an error
    EXPECT_EQ(s.server.logins_of(s.acme.id), 1);
    EXPECT_EQ(first_text(*neighbour, "select session_user"), of_globex);
}

TEST(RouterKill, W10_AKeyThatIsGivenAnEndTakesItsSessionsWithIt)
{
    router_stage s;
    const auto second = s.add_key(s.acme.id, "write");
    s.start();
    const auto other = database::connect(s.client(s.acme, second));
    running_query query(s, s.acme);
    ASSERT_TRUE(wait_for_query(s, s.acme));
    // As a rotation does with the key that is replaced: it may be used a little longer.
    s.registry.run(
        "update public.registry_api_key set expires_at = now() + interval '8 s' where id = '" +
        s.acme.key.id.to_string() + "'"
    );
    s.wait_applied();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
    EXPECT_TRUE(wait_for_query(s, s.acme));
    const auto told = query.ended.get();
    EXPECT_NE(told.find("FATAL:  57P01"), std::string::npos) << told;
    const auto ended = s.registry.rows(
        "select now() between expires_at and expires_at + interval '1 s' from public.registry_api_key "
        "where id = '" +
        s.acme.key.id.to_string() + "'"
    );
    EXPECT_EQ(ended.at(0)[0].value(), "t");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "28000");  // key_expired
    EXPECT_EQ(first_text(*other, "select text from notes"), "acme");
}

TEST(RouterKill, W10_ARevokedKeyLosesItsSessionsAndNobodyElseDoes)
{
    router_stage s(17);
    const auto second = s.add_key(s.acme.id, "write");
    s.start();
    const auto other = database::connect(s.client(s.acme, second));
    running_query query(s, s.acme);
    ASSERT_TRUE(wait_for_query(s, s.acme));

    s.revoke(s.acme.key);
    const auto committed = clock::now();
    const auto told = query.ended.get();
    EXPECT_NE(told.find("FATAL:  57P01"), std::string::npos) << told;
    EXPECT_NE(told.find("code=session_revoked"), std::string::npos) << told;
    EXPECT_LT(query.at - committed, 1s);
    s.wait_applied();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "28000");  // its holder is told
    EXPECT_EQ(first_text(*other, "select text from notes"), "acme");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, second)), "");
}

}  // namespace
}  // namespace leasehold::router::test
