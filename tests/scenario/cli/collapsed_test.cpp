#include "configured.hpp"
#include "eventually.hpp"

#include <leasehold/base/file.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>

namespace leasehold::test {
namespace {

using nlohmann::json;

TEST(SingleTenant, C5_IsServedFromOneDatabaseWithoutBrokerAndLicense)
{
    const empty_registry registry;
    leasehold::config values;
    values.registry = registry.config();
    const configured here(std::move(values));

    // A start before the first migration says what to do.
    const auto early = here.local({"serve"});
    EXPECT_EQ(early.exit_code, 73) << early.err;
    EXPECT_NE(early.err.find("schema_behind"), std::string::npos) << early.err;
    EXPECT_EQ(here.local({"migrate", "status"}).exit_code, 8);

    const auto first = here.local({"migrate", "--managed-broker"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    for (const auto* chain : {"registry", "shared", "tenant"})
        EXPECT_NE(first.out.find(chain), std::string::npos) << first.out;
    EXPECT_EQ(first.out.find("current"), std::string::npos) << first.out;
    const auto second = here.local({"migrate", "--managed-broker"});
    ASSERT_EQ(second.exit_code, 0) << second.err;
    EXPECT_EQ(second.out.find("→"), std::string::npos) << second.out;
    EXPECT_EQ(here.local({"migrate", "status"}).exit_code, 0);

    EXPECT_EQ(here.local({"health"}).exit_code, 69);  // nobody serves yet
    const auto serving = here.serve();

    const auto owner = here.call({"whoami", "--json"});
    ASSERT_EQ(owner.exit_code, 0) << owner.err;
    EXPECT_EQ(json::parse(owner.out).value("role", ""), "owner");
    const auto foreign =
        leasehold({"whoami", "--server", here.api()}, {{"LEASEHOLD_KEY", "lh_api_nonsense"}});
    EXPECT_EQ(foreign.exit_code, 67) << foreign.err;
    const auto many = here.call({"tenant", "create", "acme"});
    EXPECT_EQ(many.exit_code, 73) << many.err;
    EXPECT_NE(many.err.find("multitenancy_disabled"), std::string::npos) << many.err;
    const auto misplaced = here.call({"tenant", "create", "acme", "--server", here.api()});
    EXPECT_EQ(misplaced.exit_code, 2) << misplaced.err;

    // An agent joins with a token; its host lies in the one database.
    const auto token_file = here / "token";
    const auto token =
        here.call({"token", "create", "first", "--tenant", "default", "--out", token_file.string()});
    ASSERT_EQ(token.exit_code, 0) << token.err;
    EXPECT_EQ(token.out.find("lh_enr_"), std::string::npos);
    store_file(
        here / "agent.yaml",
        fmt::format(
            "server: {{ url: {} }}\nsecurity: {{ enrollment_token_file: {}, state_dir: {} }}\nhost: {{ name: "
            "first-host }}\n",
            here.agents(),
            token_file.string(),
            (here / "agent").string()
        )
    );
    const auto joined = leasehold({"agent", "--once", "--config", (here / "agent.yaml").string()});
    ASSERT_EQ(joined.exit_code, 0) << joined.err << serving->err();
    const auto session = database::connect(registry.as_superuser());
    const auto hosts = session->run_plain_rows("select name from public.hosts");
    ASSERT_EQ(hosts.size(), 1U);
    EXPECT_EQ(hosts.front().get<std::string>("name"), "first-host");

    // The same host over the API, which asks through the router.
    const auto key_file = here / "reader";
    const auto key =
        here.call({"key", "create", "reader", "--tenant", "default", "--out", key_file.string()});
    ASSERT_EQ(key.exit_code, 0) << key.err;
    const auto list =
        leasehold({"host", "list", "--json", "--server", here.api(), "--key", "file:" + key_file.string()});
    ASSERT_EQ(list.exit_code, 0) << list.err << serving->err();
    EXPECT_EQ(json::parse(list.out).at("items").at(0).value("name", ""), "first-host");
    const auto without_grant = here.call({"host", "list", "--tenant", "default"});
    EXPECT_EQ(without_grant.exit_code, 77) << without_grant.err;

    const auto verified = here.call({"tenant", "verify", "default"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;

    serving->signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return serving->err().find("config.reloaded") != std::string::npos; }))
        << serving->err();
    serving->signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return !serving->is_running(); }));
    EXPECT_EQ(serving->wait().exit_code, 0) << serving->err();
}

}  // namespace
}  // namespace leasehold::test
