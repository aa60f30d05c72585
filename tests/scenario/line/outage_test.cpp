// The registry's PostgreSQL is stopped: what is there goes on, and what is new waits.
#include "eventually.hpp"
#include "scratch_folder.hpp"
#include "the_line.hpp"

#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace leasehold::test {
namespace {

constexpr std::chrono::seconds patience(120);

class RegistryOutage : public testing::Test
{
protected:
    ~RegistryOutage() override { run_stack("server start registry"); }  // later tests of the line need it

    // `leasehold agent --once` of another host of acme.
    finished run_agent(const std::string& token_file) const
    {
        const auto file = (folder / "agent.yaml").string();
        std::ofstream(file) << "server: {url: \"" << the_line().at("agents_url").get<std::string>()
                            << "\", ca_file: " << the_line().at("ca_file").get<std::string>()
                            << "}\nsecurity: {enrollment_token_file: " << token_file
                            << ", state_dir: " << (folder / "state").string() << "}\nhost: {name: late}\n";
        return run_shell(std::string(LEASEHOLD_BINARY) + " agent --once --config " + file);
    }
    static int heartbeats(const tenant_of_line& of)
    {
        return std::stoi(on_server(of, "select count(*) from host_heartbeats"));
    }

    scratch_folder folder;
};

TEST_F(RegistryOutage, H11_AgentsGoOnAndEnrollmentWaits)
{
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    const auto token_file = (folder / "token").string();
    const auto made = run_leasehold("--tenant acme token create late --out " + token_file);
    ASSERT_EQ(made.exit_code, 0) << made.output;
    const auto hosts = on_server(acme, "select count(*) from hosts where name = 'late'");

    ASSERT_EQ(run_stack("server stop registry").exit_code, 0);
    ASSERT_ANY_THROW(superuser_on("registry", "leasehold"));
    // Longer than the directory may be behind before it counts as stale, so that is part of it.
    for (const auto& one : {acme, globex}) {
        SCOPED_TRACE(one.slug);
        const auto before = heartbeats(one);
        EXPECT_TRUE(eventually([&] { return heartbeats(one) >= before + 2; }, patience));
    }
    const auto refused = run_agent(token_file);
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_NE(refused.output.find("registry_unavailable"), std::string::npos) << refused.output;
    EXPECT_EQ(on_server(acme, "select count(*) from hosts where name = 'late'"), hosts);

    ASSERT_EQ(run_stack("server start registry").exit_code, 0);
    finished back;
    EXPECT_TRUE(eventually(
        [&] {
            back = run_agent(token_file);
            return back.exit_code == 0;
        },
        patience
    )) << back.output;
    EXPECT_EQ(
        on_server(acme, "select count(*) from hosts where name = 'late'"),
        std::to_string(std::stoi(hosts) + 1)
    );
    EXPECT_EQ(on_server(globex, "select count(*) from hosts where name = 'late'"), "0");
    const auto verified = run_leasehold("tenant verify --all");
    EXPECT_EQ(verified.exit_code, 0) << verified.output;
}

}  // namespace
}  // namespace leasehold::test
