#include "scratch_folder.hpp"

#include <leasehold/agent/agent.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>

#include <gtest/gtest.h>

namespace leasehold::agent::test {
namespace {

std::string token()
{
    return std::string(credential::make(credential_type::enrollment, uuid::random()).to_text().reveal());
}

std::string code_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const error& why) {
        return why.code();
    }
    return "none";
}

TEST(AgentConfig, ReadsEveryKey)
{
    const scratch_folder folder;
    const auto secret_text = token();
    const auto file = folder.write(
        "agent.yaml",
        "server:   { url: https://agents.example.com, ca_file: /etc/ca.pem }\nsecurity:\n  "
        "enrollment_token: " +
            secret_text +
            "\n  state_dir: /var/lib/x\n"
            "host: { name: web-1, cluster_name: c, labels: { role: web } }\n"
            "spool: { max_bytes: 64MiB, segment: 2MiB, sync: 500ms }\n"
            "intervals: { inventory: 1h, packages: 2h }\n"
    );
    const auto config = load_agent_config(file);
    EXPECT_EQ(config.server.url, "https://agents.example.com");
    EXPECT_EQ(config.server.ca_file, "/etc/ca.pem");
    EXPECT_EQ(config.security.enrollment_token.reveal(), secret_text);
    EXPECT_EQ(config.token_line, 3);
    EXPECT_EQ(config.security.state_dir, "/var/lib/x");
    EXPECT_EQ(config.host.name, "web-1");
    EXPECT_EQ(config.host.labels.at("role"), "web");
    EXPECT_EQ(config.spool.max_bytes, 64 << 20);
    EXPECT_EQ(config.spool.sync, std::chrono::milliseconds(500));
    EXPECT_EQ(config.intervals.packages, std::chrono::hours(2));
}

TEST(AgentConfig, RefusesAFileWithTheTokenThatOthersMayRead)
{
    const scratch_folder folder;
    const auto text = "server: {url: https://a}\nsecurity: {enrollment_token: " + token() + "}\n";
    EXPECT_EQ(
        code_of([&] { load_agent_config(folder.write("a.yaml", text, 0644)); }), "config_world_readable"
    );
    EXPECT_EQ(code_of([&] { load_agent_config(folder.write("b.yaml", text, 0640)); }), "none");
    // Without the token there is nothing to hide.
    EXPECT_EQ(
        code_of([&] { load_agent_config(folder.write("c.yaml", "server: {url: https://a}\n", 0644)); }),
        "none"
    );
}

TEST(AgentConfig, RefusesWhatIsUnknownOrUnsafe)
{
    const scratch_folder folder;
    struct row
    {
        std::string text;
        std::string wanted;
    };
    const std::vector<row> rows{
        {"server: {urll: https://a}\n", "the nearest is server.url"},
        {"servre: {url: https://a}\n", "unknown key"},
        {"server: {url: http://agents.example.com}\n", "https"},
        {"server: {url: https://a/path}\n", "URL"},
        {"server: {url: https://a}\nserver: {url: https://b}\n", "twice"},
        {"security: {enrollment_token: lh_enr_abc}\n", "no enrollment token"},
        {"server: {url: https://a}\nspool: {segment: 1}\n", "size"},
        {"server: {url: https://a}\nspool: {max_bytes: 1MiB, segment: 1MiB}\n", "two segments"},
        {"{}\n", "must be given"},
        {"- a\n", "mapping"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        try {
            load_agent_config(folder.write("x.yaml", row.text));
            ADD_FAILURE() << "accepted";
        } catch (const config_error& why) {
            EXPECT_NE(std::string(why.what()).find(row.wanted), std::string::npos) << why.what();
        }
    }
    EXPECT_EQ(
        code_of([&] { load_agent_config(folder.write("x.yaml", "server: {url: http://127.0.0.1:1}\n")); }),
        "none"
    );
}

}  // namespace
}  // namespace leasehold::agent::test
