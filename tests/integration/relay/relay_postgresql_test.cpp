#include "command.hpp"
#include "eventually.hpp"
#include "relay_shim.hpp"
#include "stack.hpp"

#include <leasehold/database/session.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace leasehold::router::relay::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::scratch_database;
using leasehold::test::stack_server;
using leasehold::test::the_stack;

// Two tenants, each with a database of its own on the same PostgreSQL, behind real relay lanes.
class RelayPostgresql : public ::testing::TestWithParam<int>
{
protected:
    RelayPostgresql()
        : acme_(the_stack().with_major(GetParam()), "relay_acme")
        , globex_(the_stack().with_major(GetParam()), "relay_globex")
        , shim_(
              {{"acme", tenant_of(acme_)}, {"globex", tenant_of(globex_)}},
              2,
              the_stack().certificate.cert_file.string(),
              the_stack().certificate.key_file.string()
          )
    {}

    static shim_tenant tenant_of(const scratch_database& database)
    {
        shim_tenant made;
        made.id = tenant_id::random();
        made.login.host = database.server().host;
        made.login.port = database.server().port;
        made.login.database = database.name();
        made.login.user = database.owner();
        made.login.password = database.password();
        made.login.ca_file = database.server().ca_file;
        made.limits.max_servers = 8;
        made.limits.checkout = 60s;  // a machine under load is not what is looked at
        return made;
    }

    static std::string tool(const std::string& name)
    {
        const auto own = the_stack().with_major(GetParam()).bin_dir / name;
        return (std::filesystem::exists(own) ? own : the_stack().server("registry").bin_dir / name).string();
    }

    std::string
    psql(const std::string& database, const std::string& sql, const std::string& sslmode = "disable")
    {
        command run({tool("psql"), "-XAtq", shim_.uri(database, sslmode)}, sql);
        EXPECT_EQ(run.wait(), 0) << run.output();
        auto said = run.output();
        while (!said.empty() && said.back() == '\n') said.pop_back();
        return said;
    }

    // Straight to the server, as superuser.
    static std::string direct(const scratch_database& on, const std::string& sql)
    {
        command run(
            {tool("psql"),
             "-XAtq",
             "-h",
             on.server().socket_dir,
             "-p",
             std::to_string(on.server().port),
             "-U",
             on.server().superuser,
             "-d",
             on.name()},
            sql
        );
        EXPECT_EQ(run.wait(), 0) << run.output();
        auto said = run.output();
        while (!said.empty() && said.back() == '\n') said.pop_back();
        return said;
    }

    void make_bench_tables(const std::string& database)
    {
        command run({tool("pgbench"), "-i", "-q", "-s", "1", shim_.uri(database)});
        ASSERT_EQ(run.wait(), 0) << run.output();
    }

    scratch_database acme_;
    scratch_database globex_;
    relay_shim shim_;
};

TEST_P(RelayPostgresql, PgbenchRunsCleanInEveryMode)
{
    make_bench_tables("acme");
    for (const std::string mode : {"simple", "extended", "prepared"}) {
        const std::string clients = mode == "prepared" ? "8" : "20";  // a prepared client keeps its server
        command run(
            {tool("pgbench"), "-n", "-M", mode, "-c", clients, "-j", "2", "-t", "50", shim_.uri("acme")}
        );
        ASSERT_EQ(run.wait(), 0) << mode << run.output();
        EXPECT_NE(run.output().find("number of failed transactions: 0"), std::string::npos) << run.output();
        EXPECT_EQ(run.output().find("ERROR"), std::string::npos) << run.output();
    }
    // Every transaction is there, once: 2 × 20 × 50 + 8 × 50.
    EXPECT_EQ(direct(acme_, "select count(*) from pgbench_history"), "2400");
    EXPECT_EQ(
        direct(
            acme_,
            "select (select sum(delta) from pgbench_history) = (select sum(abalance) from pgbench_accounts)"
        ),
        "t"
    );
    EXPECT_LE(shim_.logins(), 8U + 8U);
    EXPECT_GT(shim_.sum(&counters::transactions), 2000U);
}

TEST_P(RelayPostgresql, TwoTenantsNeverSeeEachOther)
{
    psql("acme", "create table t(a text); insert into t values ('acme')");
    psql("globex", "create table t(a text); insert into t values ('globex')");
    command ours(
        {tool("pgbench"), "-n", "-c", "8", "-j", "2", "-t", "200", "-f", "/dev/stdin", shim_.uri("acme")},
        "select 1 / (case when count(*) = 1 and min(a) = 'acme' then 1 else 0 end) from t;"
    );
    command theirs(
        {tool("pgbench"), "-n", "-c", "8", "-j", "2", "-t", "200", "-f", "/dev/stdin", shim_.uri("globex")},
        "select 1 / (case when count(*) = 1 and min(a) = 'globex' then 1 else 0 end) from t;"
    );
    EXPECT_EQ(ours.wait(), 0) << ours.output();
    EXPECT_EQ(theirs.wait(), 0) << theirs.output();
    EXPECT_EQ(direct(acme_, "select a from t"), "acme");
    EXPECT_EQ(direct(globex_, "select a from t"), "globex");
}

TEST_P(RelayPostgresql, PsqlCopiesErrsAndGoesOn)
{
    EXPECT_EQ(
        psql("acme", R"(
create table c(a int, b text);
copy c from stdin;
1	one
2	two
\.
select nonsense;
copy c from stdin;
3	three
bad	row
\.
select count(*) from c;
copy c to stdout;
select length(repeat('x', 5000000));
select repeat('y', 2000000) = repeat('y', 2000000);
begin; select 1/0; rollback;
select 'after';
)"),
        "ERROR:  column \"nonsense\" does not exist\nLINE 1: select nonsense;\n               ^\n"
        "ERROR:  invalid input syntax for type integer: \"bad\"\nCONTEXT:  COPY c, line 2, column a: "
        "\"bad\"\n"
        "2\n1\tone\n2\ttwo\n5000000\nt\nERROR:  division by zero\nafter"
    );
    const auto large = psql("acme", "select repeat('z', 3000000)");
    EXPECT_EQ(large.size(), 3'000'000U);
    EXPECT_EQ(large.find_first_not_of('z'), std::string::npos);
}

TEST_P(RelayPostgresql, SettingsOfOneClientAreNotThoseOfAnother)
{
    command berlin(
        {"/usr/bin/env", "PGTZ=Europe/Berlin", "PGAPPNAME=one", tool("psql"), "-XAtq", shim_.uri("acme")},
        "show timezone; show application_name;"
    );
    EXPECT_EQ(berlin.wait(), 0);
    EXPECT_EQ(berlin.output(), "Europe/Berlin\none\n");
    EXPECT_NE(psql("acme", "show timezone"), "Europe/Berlin");  // on the same server connection
    EXPECT_EQ(shim_.logins(), 1U);
    command wrong(
        {"/usr/bin/env", "PGTZ=Nowhere/At_All", tool("psql"), "-XAtq", shim_.uri("acme")}, "select 1;"
    );
    EXPECT_NE(wrong.wait(), 0);
    EXPECT_NE(wrong.output().find("invalid value for parameter"), std::string::npos) << wrong.output();
}

TEST_P(RelayPostgresql, WhatOutlivesATransactionStaysWithItsClient)
{
    EXPECT_EQ(
        psql(
            "acme",
            "create temp table mine(a int);\ninsert into mine values (7);\nselect a from mine;"
            "\nset statement_timeout = 4321;\nshow statement_timeout;"
        ),
        "7\n4321ms"
    );
    EXPECT_EQ(psql("acme", "select to_regclass('mine') is null; show statement_timeout"), "t\n0");
    EXPECT_EQ(shim_.sum(&counters::pins), 1U);
}

TEST_P(RelayPostgresql, CancelEndsTheQueryAndOnlyThat)
{
    command sleeps({tool("psql"), "-XAtq", shim_.uri("acme")}, "select pg_sleep(60);\n");
    command other({tool("psql"), "-XAtq", shim_.uri("acme")}, "select pg_sleep(2);\nselect 'untouched';\n");
    const auto is_running = [&] {
        return direct(
                   acme_,
                   "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = "
                   "'active' "
                   "and datname = current_database()"
               ) == "2";
    };
    ASSERT_TRUE(leasehold::test::eventually(is_running));
    sleeps.interrupt();
    EXPECT_EQ(sleeps.wait(10s), 3);  // psql's own status for an interrupted script
    EXPECT_NE(sleeps.output().find("canceling statement due to user request"), std::string::npos)
        << sleeps.output();
    EXPECT_EQ(other.wait(10s), 0);
    EXPECT_EQ(other.output(), "\nuntouched\n");
}

TEST_P(RelayPostgresql, AKillCutsARunningQueryInTheServerToo)
{
    command sleeps({tool("psql"), "-XAtq", shim_.uri("acme")}, "select pg_sleep(60);\n");
    const auto running = [&] {
        return direct(
            acme_,
            "select count(*) from pg_stat_activity where query like 'select pg_sleep%' "
            "and datname = current_database()"
        );
    };
    ASSERT_TRUE(leasehold::test::eventually([&] { return running() == "1"; }));
    command other({tool("psql"), "-XAtq", shim_.uri("globex")}, "select pg_sleep(2);\nselect 'untouched';\n");
    const auto begun = std::chrono::steady_clock::now();
    std::atomic<bool> is_done{false};
    kill_counts counts;
    std::mutex mutex;
    kill_order order;
    order.target = kill_target{shim_.tenant("acme").id};
    order.done = [&](kill_counts told) {
        const std::lock_guard hold(mutex);
        counts = told;
        is_done = true;
    };
    shim_.lanes().kill(std::move(order));
    EXPECT_NE(sleeps.wait(5s), 0);
    EXPECT_NE(sleeps.output().find("FATAL"), std::string::npos) << sleeps.output();
    ASSERT_TRUE(leasehold::test::eventually([&] { return is_done.load(); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
    {
        const std::lock_guard hold(mutex);
        EXPECT_EQ(counts.sessions, 1U);
    }
    EXPECT_TRUE(leasehold::test::eventually([&] { return running() == "0"; }));
    EXPECT_EQ(other.wait(10s), 0);
    EXPECT_EQ(other.output(), "\nuntouched\n");
}

TEST_P(RelayPostgresql, AClientThatVanishesLeavesNothingRunning)
{
    {
        command sleeps({tool("psql"), "-XAtq", shim_.uri("acme")}, "begin; select pg_sleep(60);\n");
        ASSERT_TRUE(leasehold::test::eventually([&] {
            return direct(
                       acme_,
                       "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = "
                       "'active' and pid <> pg_backend_pid() and datname = current_database()"
                   ) == "1";
        }));
    }  // SIGKILL
    EXPECT_TRUE(leasehold::test::eventually([&] {
        return direct(
                   acme_,
                   "select count(*) from pg_stat_activity where state <> 'idle' and pid <> pg_backend_pid() "
                   "and datname = current_database()"
               ) == "0";
    }));
    EXPECT_EQ(psql("acme", "select 'served'"), "served");
    EXPECT_EQ(shim_.logins(), 1U);  // by the same connection
}

TEST_P(RelayPostgresql, LeasesAreReplacedUnderTrafficWithoutAnError)
{
    make_bench_tables("acme");
    shim_.set_lease(2, boot_clock::now() + 60s);
    command run({tool("pgbench"), "-n", "-c", "20", "-j", "2", "-T", "5", shim_.uri("acme")});
    const auto until = boot_clock::now() + 4500ms;
    for (std::uint64_t number = 1; boot_clock::now() < until; ++number) {
        const auto logins = shim_.logins();
        shim_.set_lease(number + 1, boot_clock::now() + 60s);
        shim_.lanes().lease_ending(
            {shim_.tenant("acme").id, 1, role_class::rw, number}, boot_clock::now() + 10s
        );
        ASSERT_TRUE(leasehold::test::eventually([&] { return shim_.logins() > logins; }));
    }
    EXPECT_EQ(run.wait(), 0) << run.output();
    EXPECT_NE(run.output().find("number of failed transactions: 0"), std::string::npos) << run.output();
    EXPECT_GT(shim_.logins(), 16U);
}

TEST_P(RelayPostgresql, ClientsMayUseTls)
{
    make_bench_tables("acme");
    EXPECT_EQ(psql("acme", "select length(repeat('x', 3000000))", "require"), "3000000");
    EXPECT_EQ(psql("acme", "select repeat('z', 3000000)", "require").size(), 3'000'000U);
    command run(
        {tool("pgbench"),
         "-n",
         "-M",
         "extended",
         "-c",
         "10",
         "-j",
         "2",
         "-t",
         "50",
         shim_.uri("acme", "require")}
    );
    EXPECT_EQ(run.wait(), 0) << run.output();
    EXPECT_NE(run.output().find("number of failed transactions: 0"), std::string::npos) << run.output();
    std::string rows;
    for (int i = 0; i < 200'000; ++i) rows += std::to_string(i) + "\n";
    EXPECT_EQ(
        psql(
            "acme",
            "create table n(a int);\n\\copy n from stdin\n" + rows + "\\.\nselect sum(a) from n;",
            "require"
        ),
        "19999900000"
    );
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
INSTANTIATE_TEST_SUITE_P(Versions, RelayPostgresql, ::testing::Values(15, 17), [](const auto& param) {
    return "PostgreSQL" + std::to_string(param.param);
});

}  // namespace
}  // namespace leasehold::router::relay::test
