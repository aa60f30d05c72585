#include "captured_log.hpp"
#include "router_stage.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;

void end_sessions_of_the_router(router_stage& s)
{
    s.registry.rows(fmt::format(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' and usename = {}",
        s.registry.database(),
        s.registry.quote(s.values.registry.router.user)
    ));
}

bool is_contact_lost(const router_stage& s)
{
    const auto facts = s.running->readiness();
    return std::any_of(facts.begin(), facts.end(), [](const auto& one) {
        return one.name == "registry" && one.detail != "in contact";
    });
}

TEST(RouterFeed, W5_ALostNotificationIsMadeGoodByTheNextPoll)
{
    router_stage s;
    s.start();
    ASSERT_EQ(sqlstate_of_login(s.client(s.acme)), "");
    // Rows come, and nobody is told of them.
    s.registry.run("alter table public.registry_change disable trigger user");
    s.set_state(s.acme, "suspended");
    s.wait_applied();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "57P03");
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");
}

TEST(RouterFeed, W5_AChangeThatCommitsLateIsNeitherMissedNorAcknowledgedEarly)
{
    router_stage s;
    s.start();
    const auto slow = database::connect(
        leasehold::test::the_stack().server("registry").superuser_endpoint(s.registry.database())
    );
    std::promise<std::string> drawn;
    std::promise<void> may_commit;
    auto late = std::async(std::launch::async, [&] {
        slow->in_transaction([&](database::transaction& tx) {
            tx.run_script(fmt::format(
                "update public.registry_api_key set revoked_at = now() where id = '{}'",
                s.acme.key.id.to_string()
            ));
            static const database::query newest{
                "newest", "select last_value::text as id from public.registry_change_id_seq"};
            drawn.set_value(tx.get_one(newest).get<std::string>("id"));
            may_commit.get_future().wait();
        });
    });
    const auto change = drawn.get_future().get();
    s.revoke(s.globex.key);  // a later id, committed before
    ASSERT_TRUE(eventually([&] { return sqlstate_of_login(s.client(s.globex)) == "28000"; }));
    const auto is_behind = [&] {
        return !s.registry.rows("select id from public.registry_routers_behind(" + change + ")").empty();
    };
    EXPECT_TRUE(is_behind());  // what is not committed is not done
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
    may_commit.set_value();
    late.get();
    EXPECT_TRUE(eventually([&] { return !is_behind(); }));
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "28000");
}

TEST(RouterFeed, ARouterThatWasForgottenRegistersAgainAndSaysWhenItsNumberIsAnothers)
{
    struct row
    {
        bool is_given_on;
        std::size_t warnings;
    };
    for (const auto& one : {row{false, 0}, row{true, 1}}) {
        SCOPED_TRACE(one.is_given_on);
        router_stage s;
        s.start();
        const auto number = [&] {
            const auto rows = s.registry.rows(
                "select coalesce(number, -1) from public.registry_router where id = '" +
                s.running->id().to_string() + "'"
            );
            return std::stoi(rows.at(0)[0].value());
        };
        const auto before = number();
        std::string forget = "update public.registry_router set number = null where role = 'router'";
        if (one.is_given_on) {
            forget += "; select public.registry_router_register(gen_random_uuid(), 'router', '127.0.0.1:1', "
                      "'1', '{}'::jsonb, 1, 'elsewhere', '1')";
        }
        const auto told = leasehold::test::lines_of(log_level::warn, "router.number_changed", [&] {
            s.registry.run(forget);
            s.set_state(s.globex, "suspended");  // to be acknowledged
            EXPECT_TRUE(eventually([&] { return number() >= 0; }));
            EXPECT_EQ(number() == before, !one.is_given_on);
            EXPECT_TRUE(eventually([&] { return sqlstate_of_login(s.client(s.globex)) == "57P03"; }));
            EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
            s.running->drain();
        });
        ASSERT_EQ(told.size(), one.warnings);
        for (const auto& line : told) EXPECT_EQ(line.at("serves_as"), before);
    }
}

void let_the_router_read(router_stage& s, const std::string& view, bool may)
{
    s.registry.run(fmt::format(
        "{} select on public.{} {} leasehold_registry_router",
        may ? "grant" : "revoke",
        view,
        may ? "to" : "from"
    ));
}

// What fails beside a kill neither delays it nor makes it forgotten.
TEST(RouterFeed, W10_AKillIsDoneThoughTheLicenseCannotBeRead)
{
    router_stage s;
    s.start();
    const auto session = database::connect(s.client(s.acme));
    const auto other = database::connect(s.client(s.globex));
    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
    let_the_router_read(s, "registry_route_license", false);
    s.registry.run(fmt::format(
        "do $$ begin insert into public.registry_change (kind) values ('license'); "
        "update public.registry_api_key set revoked_at = now() where id = '{}'; end $$",
        s.acme.key.id.to_string()
    ));
    EXPECT_TRUE(eventually([&] { return sqlstate_of(*session, "select 1") != ""; }));
    let_the_router_read(s, "registry_route_license", true);
    s.wait_applied();
    EXPECT_EQ(first_text(*other, "select text from notes"), "globex");
}

// A `lease` row names no row of the directory: no later load would find it.
TEST(RouterFeed, W10_ALeaseThatMustGoIsNotForgottenWhenTheRowsBesideItCannotBeRead)
{
    router_stage s;
    s.start();
    const auto session = database::connect(s.client(s.acme));
    const auto other = database::connect(s.client(s.globex));
    const auto login = first_text(*session, "select session_user");
    const auto of_globex = first_text(*other, "select session_user");
    EXPECT_EQ(first_text(*session, "select session_user"), login);
    let_the_router_read(s, "registry_route_key", false);
    s.registry.run(fmt::format(
        "do $$ begin insert into public.registry_change (kind, tenant_id) values ('lease', '{}'); "
        "update public.registry_api_key set expires_at = now() + interval '1 d' where id = '{}'; end $$",
        s.acme.id.to_string(),
        s.acme.key.id.to_string()
    ));
    ASSERT_TRUE(eventually([&] { return is_contact_lost(s); }));
    let_the_router_read(s, "registry_route_key", true);
    s.wait_applied();
    EXPECT_TRUE(eventually([&] { return first_text(*session, "select session_user") != login; }));
    EXPECT_EQ(first_text(*other, "select session_user"), of_globex);
}

TEST(RouterFeed, W4_WithoutTheRegistryTheRouterServesFromMemoryAndCatchesUpAfterwards)
{
    router_stage s;
    const auto second = s.add_key(s.acme.id, "write");
    s.start();
    const auto session = database::connect(s.client(s.acme));
    EXPECT_FALSE(is_contact_lost(s));

    const auto maintenance =
        database::connect(leasehold::test::the_stack().server("registry").superuser_endpoint());
    const auto allow = [&](const char* how) {
        maintenance->run_plain(
            fmt::format("alter database {} allow_connections {}", s.registry.database(), how)
        );
    };
    allow("false");
    end_sessions_of_the_router(s);
    ASSERT_TRUE(eventually([&] { return is_contact_lost(s); }));

    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, second)), "");
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");  // its first lease
    // Somebody unknown may be newer than what is known: that is said, and is retryable.
    auto stranger = s.acme.key;
    stranger.id = key_id::random();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, stranger)), "57P03");
    const auto fresh = s.add_key(s.acme.id, "write");
    s.revoke(second);
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, fresh)), "57P03");
    EXPECT_TRUE(s.running->readiness().at(0).is_ready);

    allow("true");
    s.wait_applied();
    EXPECT_FALSE(is_contact_lost(s));
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, fresh)), "");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, second)), "28000");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, stranger)), "28P01");
    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
    // And what follows is heard at once again.
    s.set_state(s.globex, "suspended");
    s.wait_applied();
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "57P03");
}

}  // namespace
}  // namespace leasehold::router::test
