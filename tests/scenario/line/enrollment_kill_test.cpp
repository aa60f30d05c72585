// kill -9 of `leasehold serve` after each of the six steps of an enrollment, and the agent's replay. Where it
// stops is decided from outside: by locks in the two databases, and by a relay that keeps the answer back.
#include "eventually.hpp"
#include "scratch_folder.hpp"
#include "serve_process.hpp"
#include "tcp_relay.hpp"
#include "the_line.hpp"

#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <optional>

namespace leasehold::test {
namespace {

using nlohmann::json;

// A transaction that holds what its one statement locks, until it is given up.
class held_lock
{
public:
    held_lock(const std::string& server, const std::string& database, const std::string& statement)
        : session_(superuser_on(server, database))
    {
        session_->run_plain("begin");
        session_->run_plain(statement);
    }
    void release() { session_.reset(); }

private:
    std::unique_ptr<database::session> session_;
};

class KillDuringEnrollment : public testing::Test
{
protected:
    KillDuringEnrollment()
        : acme(tenant("acme"))
        , globex(tenant("globex"))
        , registry(superuser_on("registry", "leasehold"))
        , own(superuser_on(acme.server, acme.database))
        , relay(the_line().at("ports").at("agents").get<std::uint16_t>())
    {
        const auto file = (folder / "token").string();
        const auto made = run_leasehold("--tenant acme token create killed --out " + file);
        EXPECT_EQ(made.exit_code, 0) << made.output;
        token = load_secret_line(file).reveal();
        token_row =
            registry_value("select id from registry_enrollment_token order by created_at desc limit 1");
    }

    std::string registry_value(const std::string& sql) const { return value_of(*registry, sql); }
    std::string own_value(const std::string& sql) const { return value_of(*own, sql); }
    static std::string value_of(database::session& by, const std::string& sql)
    {
        const auto rows = by.run_plain_rows(sql);
        return rows.empty() ? std::string() : rows.at(0)[0].value_or("");
    }
    [[nodiscard]] std::string of_token() const { return " where token_id = '" + token_row + "'"; }
    [[nodiscard]] std::string uses() const
    {
        return registry_value("select uses from registry_enrollment_token where id = '" + token_row + "'");
    }
    json identity() const { return json::parse(load_file(folder / "state" / "identity.json")); }

    // `leasehold agent --once`, to its end.
    finished run_agent(std::uint16_t port) const
    {
        const auto file = (folder / "agent.yaml").string();
        std::ofstream(file) << "server: {url: \"https://127.0.0.1:" << port
                            << "\", ca_file: " << the_line().at("ca_file").get<std::string>()
                            << "}\nsecurity: {enrollment_token: " << token
                            << ", state_dir: " << (folder / "state").string() << "}\nhost: {name: killed}\n";
        std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0600));
        return run_shell(std::string(LEASEHOLD_BINARY) + " agent --once --config " + file);
    }
    void begin_agent()
    {
        first = std::async(std::launch::async, [this] { return run_agent(relay.port()); });
    }
    // A statement with these words waits for a lock.
    static bool is_waiting(database::session& by, const std::string& words)
    {
        return eventually([&] {
            return value_of(
                       by,
                       "select count(*) > 0 from pg_stat_activity where datname = current_database() and "
                       "wait_event_type = 'Lock' and query ilike '%" +
                           words + "%'"
                   ) == "t";
        });
    }
    // The killed process's statement must not go on after its end.
    static void end_waiting(database::session& by, const std::string& words)
    {
        by.run_plain(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and "
            "wait_event_type = 'Lock' and query ilike '%" +
            words + "%'"
        );
    }
    // The first three steps are done, the fourth waits.
    held_lock stop_before_fourth()
    {
        held_lock hosts(acme.server, acme.database, "lock table hosts in share row exclusive mode");
        begin_agent();
        EXPECT_TRUE(is_waiting(*own, insert_host));
        host = registry_value("select id from registry_host" + of_token());
        EXPECT_EQ(host.size(), 36U);
        return hosts;
    }
    [[nodiscard]] std::string rows_of_host() const
    {
        return own_value("select count(*) from hosts where id = '" + host + "'");
    }

    // After the kill: what the agent was told, then its replay, and what is left in the end.
    void replay()
    {
        relay.set_cut(true);
        if (first.valid()) {
            EXPECT_NE(first.get().exit_code, 0) << "it was answered before the kill";
        }
        const auto seed = identity().at("seed");
        EXPECT_FALSE(identity().contains("host_id") && identity().at("host_id").is_string());
        start_serve();

        const auto again = run_agent(the_line().at("ports").at("agents").get<std::uint16_t>());
        EXPECT_EQ(again.exit_code, 0) << again.output;
        const auto now = identity();
        EXPECT_EQ(now.at("seed"), seed);
        if (!host.empty()) {
            EXPECT_EQ(now.at("host_id"), host);
        }
        host = now.at("host_id");
        EXPECT_EQ(uses(), "1");
        EXPECT_EQ(
            registry_value(
                "select count(*) || ' ' || min(id::text) || ' ' || min(state) from registry_host" + of_token()
            ),
            "1 " + host + " active"
        );
        EXPECT_EQ(own_value("select count(*) from hosts where name = 'killed' and id = '" + host + "'"), "1");
        EXPECT_EQ(
            on_server(globex, "select count(*) from hosts where id = '" + host + "' or name = 'killed'"), "0"
        );
        EXPECT_EQ(own_value("select count(*) > 0 from host_packages where host_id = '" + host + "'"), "t");
        // One host per token that was used in any of these tests, and none besides.
        EXPECT_EQ(
            own_value("select count(*) from hosts where name = 'killed'"),
            registry_value("select sum(uses) from registry_enrollment_token where label = 'killed'")
        );
    }

    static constexpr const char* insert_host = "insert into hosts";
    static constexpr const char* redeem = "registry_redeem(";
    static constexpr const char* enrolled = "registry_host_enrolled(";

    tenant_of_line acme;
    tenant_of_line globex;
    std::unique_ptr<database::session> registry;
    std::unique_ptr<database::session> own;
    scratch_folder folder;
    tcp_relay relay;
    std::string token;
    std::string token_row;
    std::string host;  // once the registry has it
    std::future<finished> first;
};

TEST_F(KillDuringEnrollment, H4_AfterStep1TheKeyIsKept)
{
    kill_serve();
    begin_agent();
    EXPECT_NE(first.get().exit_code, 0);
    EXPECT_EQ(uses(), "0");
    replay();
}

TEST_F(KillDuringEnrollment, H4_AfterStep2NothingHasHappened)
{
    held_lock row(
        "registry",
        "leasehold",
        "select 1 from registry_enrollment_token where id = '" + token_row + "' for update"
    );
    begin_agent();
    EXPECT_TRUE(is_waiting(*registry, redeem));
    kill_serve();
    end_waiting(*registry, redeem);
    row.release();
    EXPECT_EQ(uses(), "0");
    EXPECT_EQ(registry_value("select count(*) from registry_host" + of_token()), "0");
    replay();
}

TEST_F(KillDuringEnrollment, H4_AfterStep3TheRegistryHasTheHost)
{
    auto hosts = stop_before_fourth();
    kill_serve();
    end_waiting(*own, insert_host);
    hosts.release();
    EXPECT_EQ(uses(), "1");
    EXPECT_EQ(registry_value("select state from registry_host" + of_token()), "enrolling");
    EXPECT_EQ(rows_of_host(), "0");
    replay();
}

TEST_F(KillDuringEnrollment, H4_AfterStep4BothDatabasesHaveIt)
{
    auto hosts = stop_before_fourth();
    held_lock row("registry", "leasehold", "select 1 from registry_host" + of_token() + " for update");
    hosts.release();
    EXPECT_TRUE(is_waiting(*registry, enrolled));
    kill_serve();
    end_waiting(*registry, enrolled);
    row.release();
    EXPECT_EQ(registry_value("select state from registry_host" + of_token()), "enrolling");
    EXPECT_EQ(rows_of_host(), "1");
    replay();
}

// Between the credential's commit and the answer the gateway waits for its own directory, which reads
// registry_change: locked in the moment of that commit.
TEST_F(KillDuringEnrollment, H4_AfterStep5TheCredentialThatNobodyHeardDies)
{
    auto hosts = stop_before_fourth();
    relay.keep_answers_back();
    std::optional<held_lock> audit(
        std::in_place, "registry", "leasehold", "select 1 from registry_audit_head for update"
    );
    hosts.release();
    EXPECT_TRUE(is_waiting(*registry, enrolled));
    auto feed = std::async(std::launch::async, [] {
        return held_lock("registry", "leasehold", "lock table registry_change in access exclusive mode");
    });
    EXPECT_TRUE(is_waiting(*registry, "lock table registry_change"));
    audit.reset();
    auto held = feed.get();
    EXPECT_EQ(registry_value("select state from registry_host" + of_token()), "active");
    kill_serve();
    EXPECT_EQ(relay.kept_back(), 0U) << "it had answered";
    held.release();
    EXPECT_EQ(rows_of_host(), "1");
    replay();
}

TEST_F(KillDuringEnrollment, H4_AfterStep6TheAnswerIsLost)
{
    auto hosts = stop_before_fourth();
    relay.keep_answers_back();
    hosts.release();
    EXPECT_TRUE(eventually([&] { return relay.kept_back() > 0; }));
    kill_serve();
    EXPECT_EQ(registry_value("select state from registry_host" + of_token()), "active");
    EXPECT_EQ(rows_of_host(), "1");
    replay();
}

}  // namespace
}  // namespace leasehold::test
