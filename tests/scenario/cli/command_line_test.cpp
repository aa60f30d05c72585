#include "program.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

namespace leasehold::test {
namespace {

using ::testing::Test;

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

void write(
    const std::filesystem::path& file,
    const std::string& text,
    std::filesystem::perms mode = std::filesystem::perms::owner_read
)
{
    std::ofstream(file) << text;
    std::filesystem::permissions(file, mode);
}

constexpr auto key_text = "lh_api_0000000000000000000000AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA000000";

TEST(CommandLine, PrintsItsVersion)
{
    const auto how = leasehold({"version"});
    EXPECT_EQ(how.exit_code, 0);
    EXPECT_TRUE(contains(how.out, "leasehold "));
}

TEST(CommandLine, UnknownWordsAreUsageErrors)
{
    const auto wrong = leasehold({"tenant", "destroy"});
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_TRUE(contains(wrong.err, "code:  usage")) << wrong.err;
    EXPECT_TRUE(contains(wrong.err, "fix:")) << wrong.err;
    const auto right = leasehold({"tenant", "--help"});
    EXPECT_EQ(right.exit_code, 0);
    EXPECT_TRUE(contains(right.out, "suspend"));
}

TEST(CommandLine, AnArgumentThatIsNoTextIsAUsageError)
{
    for (const std::string bad : {"acme\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf5\x80\x80\x80"}) {
        const auto wrong = leasehold({"tenant", "create", bad});
        EXPECT_EQ(wrong.exit_code, 2) << wrong.err;
        EXPECT_TRUE(contains(wrong.err, "code:  usage")) << wrong.err;
    }
    // Text of any language comes as far as the missing key.
    const auto right = leasehold(
        {"token", "create", "Ärger & Söhne \xe2\x82\xac \xf0\x9f\x8c\x8d", "--tenant", "acme", "--out", "-"}
    );
    EXPECT_TRUE(contains(right.err, "key_missing")) << right.err;
}

TEST(CommandLine, ReferenceIsTheExampleFile)
{
    const auto how = leasehold({"config", "reference"});
    EXPECT_EQ(how.exit_code, 0);
    EXPECT_EQ(
        how.out, load_file(std::filesystem::path(LEASEHOLD_SOURCE_FOLDER) / "deploy/leasehold.example.yaml")
    );
}

TEST(CommandLine, AWrongConfigurationIsRefusedWithEveryProblem)
{
    const scratch_folder folder;
    write(folder / "good.yaml", "log: { level: debug }\n");
    const auto good = leasehold({"config", "show", "--changed", "--config", (folder / "good.yaml").string()});
    EXPECT_EQ(good.exit_code, 0) << good.err;
    EXPECT_TRUE(contains(good.out, "file:1")) << good.out;

    write(folder / "bad.yaml", "log: { levle: debug }\nrouter: { lanes: many }\n");
    const auto bad = leasehold({"config", "show", "--config", (folder / "bad.yaml").string()});
    EXPECT_EQ(bad.exit_code, 78);
    EXPECT_TRUE(contains(bad.err, "log.level")) << bad.err;
    EXPECT_TRUE(contains(bad.err, "router.lanes")) << bad.err;
    const auto as_json = leasehold({"config", "show", "--json", "--config", (folder / "bad.yaml").string()});
    EXPECT_EQ(nlohmann::json::parse(as_json.err).at("errors").size(), 2U) << as_json.err;
}

TEST(CommandLine, SecretsAreReferencesOnly)
{
    const scratch_folder folder;
    write(folder / "leasehold.yaml", "log: { level: info }\n");
    const auto token = leasehold(
        {"provision-bootstrap",
         "--config",
         (folder / "leasehold.yaml").string(),
         "--bao-token",
         "s.secretsecret"}
    );
    EXPECT_EQ(token.exit_code, 2);
    EXPECT_TRUE(contains(token.err, "secret_on_command_line")) << token.err;
    EXPECT_FALSE(contains(token.err, "secretsecret"));

    const auto key = leasehold({"whoami", "--key", key_text});
    EXPECT_EQ(key.exit_code, 2);
    EXPECT_TRUE(contains(key.err, "key_not_a_reference")) << key.err;
    EXPECT_FALSE(contains(key.err, key_text));

    // The positive control: a reference is taken, and what fails then is the connection.
    write(folder / "key", key_text);
    const auto reference =
        leasehold({"whoami", "--server", "http://127.0.0.1:1", "--key", "file:" + (folder / "key").string()});
    EXPECT_EQ(reference.exit_code, 69) << reference.err;
    const auto variable = leasehold(
        {"whoami", "--server", "http://127.0.0.1:1", "--key", "env:MY_KEY"}, {{"MY_KEY", key_text}}
    );
    EXPECT_EQ(variable.exit_code, 69) << variable.err;
}

TEST(CommandLine, PlainHttpStaysOnLoopback)
{
    const auto beyond = leasehold({"whoami", "--server", "http://192.0.2.1"}, {{"LEASEHOLD_KEY", key_text}});
    EXPECT_EQ(beyond.exit_code, 2);
    EXPECT_TRUE(contains(beyond.err, "server_not_https")) << beyond.err;
    const auto loopback =
        leasehold({"whoami", "--server", "http://localhost:1"}, {{"LEASEHOLD_KEY", key_text}});
    EXPECT_EQ(loopback.exit_code, 69) << loopback.err;
}

TEST(CommandLine, GeneratesAKeyOnceAndNeverOverAFile)
{
    const scratch_folder folder;
    const auto file = folder / "key";
    const auto made = leasehold({"key", "generate", "--out", file.string()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const auto text = load_secret_line(file);
    EXPECT_TRUE(credential::parse(text.reveal()).has_value());
    EXPECT_EQ(
        std::filesystem::status(file).permissions(),
        std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
    );
    const auto again = leasehold({"key", "generate", "--out", file.string()});
    EXPECT_EQ(again.exit_code, 73);
    EXPECT_TRUE(contains(again.err, "file_exists")) << again.err;
}

TEST(CommandLine, IssuesADevelopmentLicenseThatOnlyDevelopmentAccepts)
{
    const scratch_folder folder;
    const auto source = std::filesystem::path(LEASEHOLD_SOURCE_FOLDER);
    write(
        folder / "claims.json",
        R"({"iss":"leasehold","aud":"leasehold","jti":"T1","sub":"test","iat":1700000000,
        "nbf":1700000000,"exp":4000000000,"tier":"MULTITENANT_SAAS","max_tenants":3})"
    );
    write(folder / "leasehold.yaml", "registry: { hosts: [127.0.0.1:1], ca_file: \"\" }\n");
    const auto license = (folder / "license.jws").string();
    const auto issued = leasehold(
        {"license",
         "issue",
         "--key",
         (source / "deploy/dev/license-key.pem").string(),
         "--claims",
         (folder / "claims.json").string(),
         "--out",
         license}
    );
    ASSERT_EQ(issued.exit_code, 0) << issued.err;
    const auto config = (folder / "leasehold.yaml").string();
    const auto accepted = leasehold({"license", "show", license, "--dev", "--json", "--config", config});
    EXPECT_EQ(accepted.exit_code, 0) << accepted.err << accepted.out;
    EXPECT_EQ(nlohmann::json::parse(accepted.out).value("max_tenants", 0), 3);
    const auto refused = leasehold({"license", "show", license, "--json", "--config", config});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(nlohmann::json::parse(refused.out).value("code", ""), "license_key_unknown");
}

}  // namespace
}  // namespace leasehold::test
