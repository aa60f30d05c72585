// A tenant that is in use is suspended: with everything up, with the broker away, with its server away.
#include "eventually.hpp"
#include "scratch_folder.hpp"
#include "the_line.hpp"

#include <leasehold/base/clock.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <sys/stat.h>
#include <vector>

namespace leasehold::test {
namespace {

// acme lives on PostgreSQL 15, globex on 17.
class Suspension : public testing::TestWithParam<const char*>
{
protected:
    ~Suspension() override
    {
        // Whatever a test left behind: later tests of the line need all of it.
        run_stack("server start " + where.server);
        run_stack("broker start");
        run_leasehold("tenant resume " + where.slug);
    }

    void expect_suspended() const
    {
        const auto refused = run_shell(psql(where, "select 1"));
        EXPECT_NE(refused.exit_code, 0);
        EXPECT_NE(refused.output.find("tenant_suspended"), std::string::npos) << refused.output;
    }

    [[nodiscard]] int connections_with(const std::string& query) const
    {
        return std::stoi(on_server(
            where,
            "select count(*) from pg_stat_activity where query like '%" + query +
                "%' and pid <> pg_backend_pid() and datname = current_database()"
        ));
    }
    // As `cut` looks: by the database's oid and the login chains, never by user name.
    [[nodiscard]] std::string backends() const
    {
        auto maintenance = where;
        maintenance.database = "postgres";
        return on_server(
            maintenance,
            fmt::format(
                "with d as (select oid from pg_database where datname = '{0}') select count(*) from ("
                "select a.pid from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid, d where "
                "a.datid = d.oid "
                "and a.usesysid is not null and (r.oid is null or not r.rolcanlogin or exists (select from "
                "pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = a.usesysid and "
                "g.rolname in "
                "('{0}_rw_login', '{0}_ro_login', '{0}_support_login'))) union select l.pid from pg_locks l, "
                "d where "
                "l.locktype = 'object' and l.classid = 'pg_database'::regclass and l.objid = d.oid and not "
                "exists "
                "(select from pg_stat_activity a where a.pid = l.pid)) found",
                where.database
            )
        );
    }

    static nlohmann::json operation(const std::string& id)
    {
        const auto shown = run_leasehold("operation show " + id + " --json 2>/dev/null");
        return shown.exit_code == 0 ? nlohmann::json::parse(shown.output) : nlohmann::json::object();
    }
    [[nodiscard]] std::string begin_suspension() const
    {
        const auto begun = run_leasehold("tenant suspend " + where.slug + " --no-wait --json 2>/dev/null");
        EXPECT_EQ(begun.exit_code, 0) << begun.output;
        return nlohmann::json::parse(begun.output).at("id").get<std::string>();
    }
    static bool comes_to(const std::string& id, const std::string& state)
    {
        return eventually(
            [&] { return operation(id).value("state", "") == state; }, std::chrono::seconds(90)
        );
    }
    // It has done these steps, waits in the next one and says for what.
    static void expect_waiting(
        const std::string& id,
        const std::vector<std::string>& done,
        const std::string& step,
        const std::string& code
    )
    {
        ASSERT_TRUE(comes_to(id, "waiting")) << operation(id).dump(2);
        const auto now = operation(id);
        EXPECT_EQ(now.value("waiting_for", ""), code) << now.dump(2);
        for (const auto& one : now.at("steps")) {
            const auto name = one.at("name").get<std::string>();
            const bool is_done = std::find(done.begin(), done.end(), name) != done.end();
            EXPECT_EQ(one.at("state"), is_done ? "done" : name == step ? "failed" : "pending") << name;
            if (name == step) {
                EXPECT_EQ(one.at("error").value("code", ""), code);
            }
        }
    }

    const tenant_of_line where = tenant(GetParam());
    const tenant_of_line neighbour = tenant(std::string(GetParam()) == "acme" ? "globex" : "acme");
};
INSTANTIATE_TEST_SUITE_P(Tenants, Suspension, testing::Values("acme", "globex"), [](const auto& one) {
    return std::string(one.param);
});

// A client program, what it said, and when it had ended.
struct client
{
    explicit client(const std::string& command)
        : ended(std::async(std::launch::async, [this, command] {
            auto said = run_shell(command);
            at = real_clock().wall();
            return said;
        }))
    {}
    wall_time at;
    std::future<finished> ended;
};

// A lease taken from the broker with its root token, and psql with it straight to the server.
finished log_in_with_fresh_lease(const tenant_of_line& where, const std::string& role_class)
{
    const auto& facts = the_line();
    const auto issued =
        run_broker("read -format=json database/creds/" + role_class + "_" + where.database.substr(2));
    if (issued.exit_code != 0) throw std::runtime_error(issued.output);
    const auto data = nlohmann::json::parse(issued.output).at("data");
    const scratch_folder folder;
    const auto passwords = (folder / "passwords").string();
    std::ofstream(passwords) << "*:*:*:*:" << data.at("password").get<std::string>() << '\n';
    ::chmod(passwords.c_str(), 0600);
    return run_shell(fmt::format(
        "{} -X -q -A -t 'host=127.0.0.1 port={} user={} dbname={} sslmode=verify-full sslrootcert={} "
        "passfile={}' "
        "-c 'select 1'",
        client_program(where.server, "psql"),
        server_named(where.server).at("port").get<int>(),
        data.at("username").get<std::string>(),
        where.database,
        facts.at("ca_file").get<std::string>(),
        passwords
    ));
}

TEST_P(Suspension, P8_UnderLoadTheLastByteComesWithinASecond)
{
    constexpr int sleepers = 10;
    constexpr int busy = 10;
    expect_served(where);
    const scratch_folder folder;
    const auto script = (folder / "load.sql").string();
    std::ofstream(script) << "select :client_id, pg_sleep(0.01);\n";
    std::vector<std::unique_ptr<client>> clients;
    for (int i = 0; i < sleepers; ++i)
        clients.push_back(std::make_unique<client>(psql(where, "select pg_sleep(120) /* of the load */")));
    clients.push_back(std::make_unique<client>(fmt::format(
        "{} -n -M extended -c {} -T 120 -P 1 -f {} '{}'",
        client_program(where.server, "pgbench"),
        busy,
        script,
        where.uri
    )));
    // pgbench begins when all its clients have logged in.
    ASSERT_TRUE(eventually([&] {
        return connections_with("of the load") == sleepers && connections_with("pg_sleep(0.01)") > 0;
    }));

    const auto suspended = run_leasehold("tenant suspend " + where.slug + " --reason test");
    EXPECT_EQ(suspended.exit_code, 0) << suspended.output;
    const auto committed =
        superuser_on("registry", "leasehold")
            ->run_plain_rows("select at from registry_audit_event where action = 'tenant.suspend' "
                             "order by id desc limit 1")
            .at(0)
            .get<wall_time>("at");
    for (const auto& one : clients) {
        const auto said = one->ended.get();
        EXPECT_NE(said.exit_code, 0);
        EXPECT_NE(said.output.find("session_revoked"), std::string::npos) << said.output;
        EXPECT_LT(one->at - committed, std::chrono::seconds(1));
    }
    EXPECT_EQ(backends(), "0");
    expect_suspended();
    for (const char* what : {"rw", "ro"}) {
        const auto refused = log_in_with_fresh_lease(where, what);
        EXPECT_NE(refused.exit_code, 0) << what;
        EXPECT_NE(refused.output.find("permission denied for database"), std::string::npos) << refused.output;
        EXPECT_EQ(log_in_with_fresh_lease(neighbour, what).exit_code, 0) << what;
    }
    EXPECT_EQ(log_in_with_fresh_lease(where, "migrate").exit_code, 0);
    expect_served(neighbour);

    const auto resumed = run_leasehold("tenant resume " + where.slug);
    EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
    expect_served(where);
    EXPECT_EQ(log_in_with_fresh_lease(where, "rw").exit_code, 0);
}

TEST_P(Suspension, P8_WithoutTheBrokerAllElseHoldsAndItWaitsForIt)
{
    struct fault
    {
        const char* begin;
        const char* end;
        const char* code;
    };
    for (const auto& one :
         {fault{"broker seal", "broker unseal", "broker_sealed"},
          fault{"broker stop", "broker start", "broker_unreachable"}}) {
        client session(psql(where, "select pg_sleep(120) /* of the load */"));
        ASSERT_TRUE(eventually([&] { return connections_with("of the load") == 1; }));
        ASSERT_EQ(run_stack(one.begin).exit_code, 0);
        const auto id = begin_suspension();
        expect_waiting(id, {"state", "routers", "gate", "cut"}, "leases", one.code);
        EXPECT_NE(session.ended.get().output.find("session_revoked"), std::string::npos);
        EXPECT_EQ(backends(), "0");
        expect_suspended();

        ASSERT_EQ(run_stack(one.end).exit_code, 0);
        EXPECT_TRUE(comes_to(id, "succeeded")) << operation(id).dump(2);
        EXPECT_EQ(run_leasehold("tenant resume " + where.slug).exit_code, 0);
        expect_served(where);
        expect_served(neighbour);
    }
}

TEST_P(Suspension, P8_WithoutTheServerTheRoutersHaveCutAndItWaitsForIt)
{
    client session(psql(where, "select pg_sleep(120) /* of the load */"));
    ASSERT_TRUE(eventually([&] { return connections_with("of the load") == 1; }));
    ASSERT_EQ(run_stack("server stop " + where.server).exit_code, 0);
    EXPECT_NE(session.ended.get().exit_code, 0);
    const auto id = begin_suspension();
    expect_waiting(id, {"state", "routers"}, "gate", "server_unavailable");
    EXPECT_NE(operation(id).dump().find("server " + where.server + " cannot be reached"), std::string::npos);
    expect_suspended();
    expect_served(neighbour);

    ASSERT_EQ(run_stack("server start " + where.server).exit_code, 0);
    EXPECT_TRUE(comes_to(id, "succeeded")) << operation(id).dump(2);
    EXPECT_EQ(backends(), "0");
    EXPECT_EQ(run_leasehold("tenant resume " + where.slug).exit_code, 0);
    expect_served(where);
}

}  // namespace
}  // namespace leasehold::test
