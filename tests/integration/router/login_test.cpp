#include "router_stage.hpp"

#include <leasehold/router/ticket.hpp>

#include <gtest/gtest.h>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;

TEST(RouterLogin, PsqlReachesItsOwnTenantAndNoOther)
{
    router_stage s;
    s.start();
    for (const auto* tenant : {&s.acme, &s.globex}) {
        const auto told = s.psql(*tenant, tenant->key, "select text, current_database() from notes");
        EXPECT_EQ(told, tenant->slug + "|" + tenant->database + "\n");
    }
}

TEST(RouterLogin, WritesOfOneTenantAreSeenByThatTenantAlone)
{
    router_stage s(17);
    s.start();
    const auto acme = database::connect(s.client(s.acme));
    const auto globex = database::connect(s.client(s.globex));
    acme->in_transaction([](database::transaction& tx) {
        tx.run_script("insert into notes (text) values ('secret')");
    });
    EXPECT_EQ(first_text(*acme, "select count(*) from notes"), "2");
    EXPECT_EQ(first_text(*globex, "select count(*) from notes"), "1");
    EXPECT_EQ(first_text(*globex, "select text from notes"), "globex");
}

TEST(RouterLogin, TheWholeKeyMayComeAsClearTextInsideTls)
{
    router_stage s;
    s.start();
    auto where = s.client(s.acme);
    where.user = "key";
    const auto session = database::connect(where);
    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
    where.password = secret<std::string>(s.globex.key.text);
    EXPECT_EQ(sqlstate_of_login(where), "3D000");  // globex's key, acme's database
}

TEST(RouterLogin, ATenantsLimitOfClientsIsItsOwn)
{
    router_stage s;
    const auto reader = s.add_key(s.acme.id, "read");
    s.registry.run(
        "update public.registry_tenant set limits = '{\"max_clients\": 2}' where id = '" +
        s.acme.id.to_string() + "'"
    );
    s.values.limits.tenant.max_clients = 3;  // of those whose row says nothing
    s.start();
    std::vector<std::unique_ptr<database::session>> held;
    const auto connect = [&](const test_tenant& tenant, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) held.push_back(database::connect(s.client(tenant)));
    };
    connect(s.acme, 2);
    const auto refused = error_of_login(s.client(s.acme));
    EXPECT_NE(refused.find("code=tenant_client_limit"), std::string::npos) << refused;
    EXPECT_NE(refused.find("2 clients are connected"), std::string::npos) << refused;
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "53300");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme, reader)), "53300");  // all its keys together
    connect(s.globex, 3);                                             // another tenant has its own
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "53300");
    held.erase(held.begin());
    EXPECT_TRUE(leasehold::test::eventually([&] { return sqlstate_of_login(s.client(s.acme)).empty(); }));
}

TEST(RouterLogin, ATicketOpensOnePlatformSession)
{
    router_stage s;
    s.start();
    ticket what;
    what.tenant = s.acme.id;
    what.role = role_class::rw;
    what.principal = "key:test";
    what.request_id = "request-1";
    what.ends_at = std::chrono::system_clock::now() + 30s;
    auto where = s.client(s.acme);
    where.user = "ticket";
    where.password = seal_ticket(what, s.keys);
    const auto session = database::connect(where);
    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");

    where.database = "globex";
    where.password = seal_ticket(what, s.keys);
    EXPECT_EQ(sqlstate_of_login(where), "3D000");
    what.ends_at = std::chrono::system_clock::now() - 1s;
    where.database = "acme";
    where.password = seal_ticket(what, s.keys);
    EXPECT_EQ(sqlstate_of_login(where), "28P01");
}

TEST(RouterLogin, W1_NamesOfAnotherTenantAndOfNobodyAreRefusedBeforeAnyServerLogin)
{
    router_stage s;
    s.start();
    auto where = s.client(s.acme);
    where.database = "globex";
    EXPECT_EQ(sqlstate_of_login(where), "3D000");
    where.database = "initech";
    EXPECT_EQ(sqlstate_of_login(where), "3D000");
    where.database = "acme";
    where.user = s.acme.key.user() + ".globex";
    EXPECT_EQ(sqlstate_of_login(where), "28000");
    where.user = s.acme.key.user() + ".initech";
    EXPECT_EQ(sqlstate_of_login(where), "28000");
    EXPECT_EQ(s.server.logins_of(s.acme.id), 0);
    EXPECT_EQ(s.server.logins_of(s.globex.id), 0);
    EXPECT_TRUE(leasehold::test::eventually([&] { return s.audited("route.conflict") == 2; }));

    // The positive controls: every form of the own name, and no name at all.
    where.user = s.acme.key.user() + ".acme";
    EXPECT_EQ(sqlstate_of_login(where), "");
    where.user = s.acme.key.user() + "-rw.t_" + s.acme.tid;
    where.database = s.acme.database;
    EXPECT_EQ(sqlstate_of_login(where), "");
    where.user = s.acme.key.user();
    where.database = where.user;
    EXPECT_EQ(sqlstate_of_login(where), "");
}

TEST(RouterLogin, WrongSecretsAndUnknownPrincipalsGetOneAnswer)
{
    router_stage s;
    s.start();
    auto where = s.client(s.acme);
    where.password = secret<std::string>(s.globex.key.text);
    const auto wrong = error_of_login(where);
    EXPECT_NE(wrong.find("28P01"), std::string::npos) << wrong;
    where.user = to_base62(uuid::random());
    EXPECT_EQ(sqlstate_of_login(where), "28P01");
    where.user = "postgres";
    EXPECT_EQ(sqlstate_of_login(where), "28P01");
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
}

TEST(RouterLogin, AReadKeyGetsNoWriter)
{
    router_stage s;
    const auto reader = s.add_key(s.acme.id, "read");
    s.start();
    auto where = s.client(s.acme, reader);
    where.user = reader.user() + "-rw";
    EXPECT_EQ(sqlstate_of_login(where), "42501");
    where = s.client(s.acme);
    where.user = s.acme.key.user() + "-rw";
    EXPECT_EQ(sqlstate_of_login(where), "");
}

TEST(RouterLogin, ATlsListenerTakesNoClearText)
{
    router_stage s;
    s.start();
    auto where = s.client(s.acme);
    where.sslmode = "disable";
    EXPECT_EQ(sqlstate_of_login(where), "28000");
    where.sslmode = "verify-full";
    EXPECT_EQ(sqlstate_of_login(where), "");
}

}  // namespace
}  // namespace leasehold::router::test
