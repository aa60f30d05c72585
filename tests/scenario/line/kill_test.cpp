// kill -9 of `leasehold serve` while a tenant is being created: the operation ends all the same, and nothing
// is left behind.
#include "serve_process.hpp"
#include "the_line.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace leasehold::test {
namespace {

using std::chrono::milliseconds;

nlohmann::json operation(const std::string& id)
{
    const auto shown = run_leasehold("operation show " + id + " --json 2>/dev/null");
    if (shown.exit_code != 0) return nlohmann::json::object();
    return nlohmann::json::parse(shown.output);
}

std::string count_on(const std::string& server, const std::string& sql)
{
    auto where = tenant(server == "eu-1" ? "acme" : "globex");
    where.database = "postgres";
    return on_server(where, sql);
}

class KillDuringProvision : public testing::TestWithParam<const char*>
{};

TEST_P(KillDuringProvision, IsResumedAndItsDeletionLeavesNothing)
{
    const std::string step = GetParam();
    std::string slug = "killed-" + step;
    for (auto& c : slug) c = c == '_' ? '-' : c;
    const auto begun = run_leasehold("tenant create " + slug + " --region eu --no-wait --json 2>/dev/null");
    ASSERT_EQ(begun.exit_code, 0) << begun.output;
    const auto id = nlohmann::json::parse(begun.output).at("id").get<std::string>();

    // Killed as soon as the step is seen to have begun; where it was too fast for that, wherever the
    // operation is then.
    for (int i = 0; i < 200; ++i) {
        const auto now = operation(id);
        bool reached = now.value("state", "") == "succeeded";
        for (const auto& one : now.value("steps", nlohmann::json::array())) {
            reached = reached || (one.at("name") == step && one.at("state") != "pending");
        }
        if (reached) break;
    }
    kill_serve();
    start_serve();

    std::string state;
    for (int i = 0; i < 600 && state != "succeeded" && state != "failed"; ++i) {
        state = operation(id).value("state", "");
        std::this_thread::sleep_for(milliseconds(100));
    }
    EXPECT_EQ(state, "succeeded") << operation(id).dump(2);

    const auto shown =
        nlohmann::json::parse(run_leasehold("tenant show " + slug + " --json 2>/dev/null").output);
    const auto tid = shown.at("tid").get<std::string>();
    // Exactly one database, and a positive control for the look that must find nothing below.
    EXPECT_EQ(
        count_on("eu-1", "select count(*) from pg_database where datname like 't\\_" + tid + "\\_%'"), "1"
    );
    EXPECT_EQ(count_on("eu-1", "select count(*) > 0 from pg_roles where rolname like '%" + tid + "%'"), "t");

    const auto deleted = run_leasehold("tenant delete " + slug + " --confirm " + slug + " --grace 0s");
    EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
    for (const std::string server : {"eu-1", "us-1"}) {
        EXPECT_EQ(
            count_on(server, "select count(*) from pg_database where datname like '%" + tid + "%'"), "0"
        );
        EXPECT_EQ(count_on(server, "select count(*) from pg_roles where rolname like '%" + tid + "%'"), "0");
    }
    EXPECT_NE(run_leasehold("tenant show " + slug).exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Steps,
    KillDuringProvision,
    testing::Values(
        "reserve", "create_database", "grant_rights", "broker_roles", "schema", "verify", "publish"
    )
);

}  // namespace
}  // namespace leasehold::test
