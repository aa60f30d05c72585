#include "router_stage.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;
using leasehold::test::fault;

// acme's row says that its data lie in globex's database.
void point_at_globex(router_stage& s)
{
    s.registry.run(
        "delete from public.registry_placement where tenant_id = '" + s.globex.id.to_string() + "'"
    );
    s.registry.run(fmt::format(
        "update public.registry_placement set database = '{}' where tenant_id = '{}'",
        s.globex.database,
        s.acme.id.to_string()
    ));
    s.wait_applied();
}

TEST(RouterPlacement, W9_AnotherTenantsDatabaseIsNotServed)
{
    router_stage s;
    s.start();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");  // before
    point_at_globex(s);
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "58000");
    EXPECT_TRUE(eventually([&] { return s.audited("placement.mismatch") == 1; }));
    // Quarantine: nobody asks the server again, and nobody is told twice.
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "58000");
    EXPECT_EQ(s.audited("placement.mismatch"), 1);

    // Put right, it serves.
    s.registry.run(fmt::format(
        "update public.registry_placement set database = '{}' where tenant_id = '{}'",
        s.acme.database,
        s.acme.id.to_string()
    ));
    s.wait_applied();
    const auto session = database::connect(s.client(s.acme));
    EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
}

TEST(RouterPlacement, W9_TheMarkerTellsWhereTheServerLetsTheLoginIn)
{
    router_stage s(17);
    s.start();
    // Even where rights were given by mistake.
    s.on_server(fmt::format("grant connect on database {} to {}_rw_login", s.globex.database, s.acme.database)
    );
    s.on_server(
        fmt::format("grant select on all tables in schema public to {}_rw", s.acme.database),
        s.globex.database
    );
    point_at_globex(s);
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "58000");
    EXPECT_TRUE(eventually([&] { return s.audited("placement.mismatch") == 1; }));
    s.on_server(
        fmt::format("revoke connect on database {} from {}_rw_login", s.globex.database, s.acme.database)
    );
    s.on_server(
        fmt::format("revoke all on all tables in schema public from {}_rw", s.acme.database),
        s.globex.database
    );
}

TEST(RouterPlacement, W9_AnotherTenantsLoginIsNotUsed)
{
    router_stage s;
    s.start();
    const auto acme = s.server.role(s.acme.id).text();
    s.proxy.instead_of(acme, s.server.role(s.globex.id).text());
    s.proxy.plan("database/creds/" + acme, fault::wrong_tenant, 100);
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "58000");
    EXPECT_TRUE(eventually([&] { return s.audited("placement.mismatch") == 1; }));
    EXPECT_EQ(sqlstate_of_login(s.client(s.globex)), "");
}

TEST(RouterPlacement, W9_ALeaseThatAltersItselfIsReplaced)
{
    router_stage s;
    s.start();
    {
        const auto session = database::connect(s.client(s.acme));
        EXPECT_EQ(first_text(*session, "select text from notes"), "acme");
        session->in_transaction([](database::transaction& tx) {
            tx.run_script("set local role none");
            tx.run_script(
                "do $$ begin execute format('alter role %I set statement_timeout = 1', session_user); end $$"
            );
        });
    }
    // The next server login sees it, ends that lease, and takes another.
    s.on_server(fmt::format(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'lease\\_rw\\_{}\\_%'",
        s.acme.tid
    ));
    EXPECT_TRUE(eventually([&] {
        try {
            const auto session = database::connect(s.client(s.acme));
            return first_text(*session, "select text from notes") == "acme";
        } catch (const error&) {
            return false;
        }
    }));
    EXPECT_GE(s.audited("lease.tampered"), 1);
    EXPECT_EQ(s.audited("placement.mismatch"), 0);
}

}  // namespace
}  // namespace leasehold::router::test
