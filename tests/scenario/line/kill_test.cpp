// kill -9 of `leasehold serve` while a tenant is being created: the operation ends all the same, and nothing
// is left behind.
#include "the_line.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace leasehold::test {
namespace {

using std::chrono::milliseconds;

const char* facts_file()
{
    return std::getenv("LEASEHOLD_LINE");
}

nlohmann::json load_facts()
{
    std::ifstream in(facts_file());
    return nlohmann::json::parse(in);
}

// The kernel's start time of a process, as tools/demo/program.py records it.
std::string started_at(pid_t pid)
{
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string field;
    for (int i = 0; i < 20; ++i) fields >> field;
    return field;
}

// Another `serve` of the line, which the fixture ends as it would have ended the first.
void start_serve()
{
    auto facts = load_facts();
    const auto log = facts.at("log_dir").get<std::string>() + "/serve.log";
    const auto config = facts.at("config_file").get<std::string>();
    const pid_t child = ::fork();
    if (child == 0) {
        ::setsid();
        const int out = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
        const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::dup2(in, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        // The grandchild belongs to nobody here, so no test waits for it.
        if (::fork() != 0) ::_exit(0);
        std::ofstream(facts_file() + std::string(".pid")) << ::getpid();
        ::execl(LEASEHOLD_BINARY, LEASEHOLD_BINARY, "serve", "--dev", "--config", config.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    for (int i = 0; i < 300; ++i) {
        if (run_shell(std::string(LEASEHOLD_BINARY) + " health --config " + config).exit_code == 0) break;
        std::this_thread::sleep_for(milliseconds(100));
    }
    pid_t pid = 0;
    std::ifstream(facts_file() + std::string(".pid")) >> pid;
    for (auto& process : facts.at("processes")) {
        if (process.at("name") != "serve") continue;
        process["pid"] = pid;
        process["started"] = started_at(pid);
    }
    facts["pids"]["serve"] = pid;
    std::ofstream(facts_file()) << facts.dump(2);
}

void kill_serve()
{
    const pid_t pid = load_facts().at("pids").at("serve").get<pid_t>();
    ASSERT_GT(pid, 1);
    ::kill(pid, SIGKILL);
    for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(milliseconds(20));
}

nlohmann::json operation(const std::string& id)
{
    const auto shown = run_leasehold("operation show " + id + " --json 2>/dev/null");
    if (shown.exit_code != 0) return nlohmann::json::object();
    return nlohmann::json::parse(shown.output);
}

// As if the minute had passed after which a silent process counts as dead, and the half of it for which a
// worker holds an operation: what waits for the killed process's acknowledgement and lease goes on at once.
void let_time_pass()
{
    for (const auto& server : the_line().at("servers")) {
        if (server.at("name") != "registry") continue;
        const auto done = run_shell(
            "/usr/lib/postgresql/15/bin/psql -X -q -h " + server.at("socket_dir").get<std::string>() +
            " -p " + std::to_string(server.at("port").get<int>()) +
            " -U postgres -d leasehold -c \"update registry_router set seen_at = seen_at - interval '2 "
            "minutes'\" "
            "-c \"update registry_operation set lease_until = now() where state = 'running'\""
        );
        ASSERT_EQ(done.exit_code, 0) << done.output;
    }
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
    let_time_pass();
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
