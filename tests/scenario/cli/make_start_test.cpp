// Single-tenant mode by the words of its example: what its header tells the reader to type, typed.
#include "eventually.hpp"
#include "free_port.hpp"
#include "program.hpp"
#include "scratch_folder.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/database/session.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace leasehold::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A PostgreSQL server of the test's own, so that roles and database may have the names of the example. Its
// pg_hba.conf takes passwords without TLS from the loopback, as Debian's does.
class fresh_server
{
public:
    fresh_server()
    {
        stack({"up", "--test", "--what", "registry"});
        facts_ = json::parse(load_file(folder_ / "stack.json")).at("servers").at(0);
        const auto home = fs::path(facts_.at("data").get<std::string>()).parent_path();
        std::ofstream(home / "pg_hba.conf", std::ios::app) << "host all all 127.0.0.1/32 scram-sha-256\n";
        as_superuser("postgres")->run_plain("select pg_reload_conf()");
    }
    ~fresh_server()
    {
        try {
            stack({"clean"});
        } catch (const std::exception& why) {
            ADD_FAILURE() << why.what();
        }
    }
    fresh_server(const fresh_server&) = delete;
    fresh_server& operator=(const fresh_server&) = delete;

    [[nodiscard]] std::string text(const char* fact) const { return facts_.at(fact).get<std::string>(); }
    [[nodiscard]] int port() const { return facts_.at("port").get<int>(); }
    [[nodiscard]] std::unique_ptr<database::session> as_superuser(const std::string& database) const
    {
        database::endpoint where;
        where.hosts.emplace_back(text("socket_dir"), facts_.at("port"));
        where.database = database;
        where.user = text("superuser");
        where.sslmode = "disable";
        return database::connect(where);
    }

private:
    void stack(std::vector<std::string> arguments) const
    {
        arguments.insert(arguments.begin(), LEASEHOLD_SOURCE_FOLDER "/tools/stack.py");
        arguments.insert(arguments.end(), {"--quiet", "--folder", folder_.path().string()});
        const auto done = program("/usr/bin/python3", std::move(arguments)).wait();
        if (done.exit_code != 0) throw std::runtime_error(done.err);
    }

    scratch_folder folder_;
    json facts_;
};

// The commands in the header of the example, as they stand there.
std::string commands_of(const fs::path& example)
{
    std::istringstream lines(load_file(example));
    std::string commands;
    for (std::string line; std::getline(lines, line) && line.rfind('#', 0) == 0;)
        if (line.rfind("#   ", 0) == 0) commands += line.substr(4) + "\n";
    return commands;
}

// A clone's folder as far as the commands need it, and the shell of the one who types them there. The ports
// of the example are everybody's, so the environment names others.
class reader
{
public:
    explicit reader(const fresh_server& server)
        : environment_{
              {"LEASEHOLD", LEASEHOLD_BINARY},
              {"PGHOST", server.text("socket_dir")},
              {"PGPORT", std::to_string(server.port())},
              {"PGUSER", server.text("superuser")},
              {"PATH", server.text("bin_dir") + ":/usr/local/bin:/usr/bin:/bin"},
              {"LEASEHOLD__REGISTRY__HOSTS", fmt::format("127.0.0.1:{}", server.port())},
              {"LEASEHOLD__CONTROL_PLANE__LISTEN", api_},
              {"LEASEHOLD__CONTROL_PLANE__PUBLIC_URL", "http://" + api_},
              {"LEASEHOLD__ROUTER__LISTEN", any_address()},
              {"LEASEHOLD__AGENTS__LISTEN", agents_},
              {"LEASEHOLD__METRICS__LISTEN", any_address()},
              {"LEASEHOLD_SERVER", "http://" + api_},
              {"LEASEHOLD_KEY", "file:data/secrets/bootstrap-key"},
          }
    {
        for (const auto* name : {"Makefile", "tools", "deploy"})
            fs::create_symlink(fs::path(LEASEHOLD_SOURCE_FOLDER) / name, folder_ / name);
    }
    ~reader() { types("make stop"); }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    ended types(const std::string& commands) const
    {
        const auto script = fmt::format("cd {}\n{}", folder_.path().string(), commands);
        return program("/bin/bash", {"-e", "-c", script}, environment_).wait();
    }
    [[nodiscard]] fs::path operator/(const std::string& name) const { return folder_ / name; }
    [[nodiscard]] std::string agents() const { return "http://" + agents_; }

private:
    static std::string any_address() { return fmt::format("127.0.0.1:{}", free_port()); }

    scratch_folder folder_;
    std::string api_ = any_address();
    std::string agents_ = any_address();
    std::map<std::string, std::string> environment_;
};

TEST(SingleTenant, C5_TheExampleServesByTheCommandsOfItsHeaderAndAnAgentEnrolls)
{
    const fresh_server server;
    const reader one(server);
    const auto commands = commands_of(fs::path(LEASEHOLD_SOURCE_FOLDER) / "deploy/leasehold.collapsed.yaml");
    ASSERT_NE(commands.find("make migrate && make start\n"), std::string::npos) << commands;
    const auto started = one.types(commands);
    ASSERT_EQ(started.exit_code, 0) << started.out << started.err;
    EXPECT_EQ(one.types("$LEASEHOLD health --config leasehold.yaml").exit_code, 0);

    const auto joined = one.types(fmt::format(
        "$LEASEHOLD token create first --tenant default --out token\n"
        "echo 'server: {{ url: {} }}\nsecurity: {{ enrollment_token_file: ./token, state_dir: ./agent }}\n"
        "host: {{ name: first-host }}' > agent.yaml\n"
        "env -u LEASEHOLD_SERVER -u LEASEHOLD_KEY $LEASEHOLD agent --once --config agent.yaml",
        one.agents()
    ));
    EXPECT_EQ(joined.exit_code, 0) << joined.out << joined.err;
    const auto hosts = server.as_superuser("leasehold")->run_plain_rows("select name from public.hosts");
    ASSERT_EQ(hosts.size(), 1U);
    EXPECT_EQ(hosts.front().get<std::string>("name"), "first-host");

    const auto stopped = one.types("make stop");
    EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
    EXPECT_NE(stopped.out.find("has stopped"), std::string::npos) << stopped.out;
    EXPECT_EQ(one.types("$LEASEHOLD health --config leasehold.yaml").exit_code, 69);
    // What was stopped starts again on what is there, whoever has its number now.
    program stranger("/bin/sleep", {"600"});
    store_file(one / "build/run/leasehold.pid", fmt::format("{} 1\n", stranger.pid()));
    EXPECT_EQ(one.types("make stop").exit_code, 0);
    EXPECT_TRUE(stranger.is_running());
    store_file(one / "build/run/leasehold.pid", fmt::format("{} 1\n", stranger.pid()));
    const auto again = one.types("make migrate && make start");
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_NE(again.out.find("is serving"), std::string::npos) << again.out;
}

}  // namespace
}  // namespace leasehold::test
