#include "the_line.hpp"

#include <gtest/gtest.h>

namespace leasehold::test {
namespace {

TEST(ServerCommand, ShowsWhenEachServerWasLookedAt)
{
    const auto told = run_leasehold("server list --json 2>/dev/null");
    ASSERT_EQ(told.exit_code, 0) << told.output;
    const auto servers = nlohmann::json::parse(told.output).at("items");
    const auto table = run_leasehold("server list");
    ASSERT_EQ(servers.size(), 2U);
    for (const auto& one : servers) {
        const auto looked_at = one.at("preflight_at").get<std::string>();
        EXPECT_NE(table.output.find(looked_at), std::string::npos) << table.output;
        const auto name = one.at("name").get<std::string>();
        EXPECT_NE(run_leasehold("server show " + name).output.find(looked_at), std::string::npos);
    }
}

}  // namespace
}  // namespace leasehold::test
