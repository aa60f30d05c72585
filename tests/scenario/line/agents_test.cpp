// The main job, seen from outside: hosts in their tenant's database, and nowhere else.
#include "the_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace leasehold::test {
namespace {

TEST(Line, H1_EachAgentsHostIsInItsOwnTenantAloneAndVerifyAgrees)
{
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    const auto host_of_acme = on_server(acme, "select id from hosts");
    const auto host_of_globex = on_server(globex, "select id from hosts");
    ASSERT_EQ(host_of_acme.size(), 36U);
    ASSERT_EQ(host_of_globex.size(), 36U);
    EXPECT_EQ(on_server(acme, "select count(*) from hosts where id = '" + host_of_globex + "'"), "0");
    EXPECT_EQ(on_server(globex, "select count(*) from hosts where id = '" + host_of_acme + "'"), "0");
    EXPECT_NE(on_server(acme, "select count(*) from host_packages"), "0");

    const auto verified = run_leasehold("tenant verify --all");
    EXPECT_EQ(verified.exit_code, 0) << verified.output;
    EXPECT_EQ(verified.output.find("FAIL"), std::string::npos) << verified.output;
}

TEST(Line, H17_NoSecretIsInALogOrACommandLine)
{
    const auto folder = the_line().at("owner_key_file").get<std::string>();
    const auto demo = folder.substr(0, folder.rfind('/'));
    // Positive control: the key is where it belongs.
    EXPECT_EQ(run_shell("grep -c lh_api_ " + demo + "/owner-key").output, "1\n");
    EXPECT_EQ(run_shell("grep -rlE 'lh_(api|enr|host)_[0-9A-Za-z]{22}_' " + demo + "/log").output, "");
    EXPECT_EQ(
        run_shell("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -E "
                  "'^lh_(api|enr|host)_[0-9A-Za-z]{22}_'")
            .output,
        ""
    );
}

TEST(Line, AKeyOfOneTenantIsRefusedForAnotherAndWorksForItsOwn)
{
    const auto acme = tenant("acme");
    const auto globex = tenant("globex");
    const auto folder = acme.dsn_file.substr(0, acme.dsn_file.rfind('/'));
    const auto with_acme = [&](const std::string& path) {
        return run_shell(
                   "curl -s -o /dev/null -w '%{http_code}' --cacert " +
                   the_line().at("ca_file").get<std::string>() +
                   " -H @<(printf 'Authorization: Bearer %s' \"$(cat " + folder + "/acme.key)\") " +
                   the_line().at("api_url").get<std::string>() + path
        )
            .output;
    };
    std::string acme_id;
    std::string globex_id;
    for (const auto& one : the_line().at("tenants")) {
        (one.at("slug") == "acme" ? acme_id : globex_id) = one.at("id");
    }
    EXPECT_EQ(with_acme("/api/v1/tenants/" + acme_id), "200");
    EXPECT_EQ(with_acme("/api/v1/tenants/" + globex_id), "403");
    EXPECT_EQ(with_acme("/api/v1/tenants/" + acme_id + "/hosts"), "200");
    EXPECT_EQ(with_acme("/api/v1/tenants/" + globex_id + "/hosts"), "403");
}

}  // namespace
}  // namespace leasehold::test
