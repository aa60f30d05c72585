// Row B13 of docs/acceptance.md, without client certificates.
#include "certificates.hpp"
#include "fault_broker.hpp"
#include "scratch_broker.hpp"
#include "scratch_folder.hpp"

#include <leasehold/vault-client/vault_broker.hpp>

#include <gtest/gtest.h>

namespace leasehold::vault_client {
namespace {

using namespace std::chrono_literals;
constexpr const char* loopback = "IP:127.0.0.1,DNS:localhost";

// A real broker behind a TLS proxy whose certificate the test chooses.
struct tls_stage
{
    tls_stage()
    {
        ours.write_ca(folder / "ca.pem");
        ours.write_certificate(folder / "good.pem", folder / "good.key", loopback, 24h);
        proxy = std::make_unique<test::fault_broker>(
            broker.url(), std::filesystem::path(), folder / "good.pem", folder / "good.key"
        );
        settings.nodes = {proxy->url()};
        settings.ca_file = (folder / "ca.pem").string();
    }
    std::unique_ptr<vault_client::broker> connect()
    {
        auto made = create_vault_broker(settings, real_clock(), counters);
        made->use_token(broker.root_token());
        return made;
    }
    std::string code_of_call(vault_client::broker& at)
    {
        try {
            broker.run(at.get_role(broker_role("rw_x")));
        } catch (const leasehold::error& why) {
            return why.code();
        }
        return "";
    }

    test::scratch_folder folder;
    test::scratch_broker broker;
    test::certificate_authority ours{"ours"};
    test::certificate_authority foreign{"foreign"};
    std::unique_ptr<test::fault_broker> proxy;
    broker_settings settings;
    metrics counters;
};

TEST(Broker, B13_OnlyAValidCertificateOfOurAuthorityIsTrusted)
{
    tls_stage s;
    const auto good = s.connect();
    ASSERT_EQ(s.code_of_call(*good), "");  // the way is right: what follows is the certificate's doing

    struct row
    {
        const char* name;
        const test::certificate_authority& by;
        const char* names;
        std::chrono::hours ends;
    };
    const row rows[] = {
        {"unknown authority", s.foreign, loopback, 24h},
        {"another name", s.ours, "DNS:broker.example,IP:127.0.0.2", 24h},
        {"expired", s.ours, loopback, -1h},
    };
    for (const auto& each : rows) {
        each.by.write_certificate(s.folder / "bad.pem", s.folder / "bad.key", each.names, each.ends);
        s.proxy->use_certificate(s.folder / "bad.pem", s.folder / "bad.key");
        const auto before = s.proxy->seen("/v1/");
        const auto at = s.connect();
        for (int i = 0; i < 10; ++i) EXPECT_EQ(s.code_of_call(*at), "broker_tls") << each.name;
        EXPECT_EQ(s.proxy->seen("/v1/"), before) << each.name;  // not a byte of a request, so no token either
    }
    s.proxy->use_certificate(s.folder / "good.pem", s.folder / "good.key");
    const auto again = s.connect();
    EXPECT_EQ(s.code_of_call(*again), "");
}

TEST(Broker, B13_ARotatedAuthorityIsReadWithoutARestart)
{
    tls_stage s;
    const auto at = s.connect();
    ASSERT_EQ(s.code_of_call(*at), "");
    s.foreign.write_certificate(s.folder / "next.pem", s.folder / "next.key", loopback, 24h);
    s.proxy->use_certificate(s.folder / "next.pem", s.folder / "next.key");
    // A request may first be lost on the connection that was cut; then the certificate is seen, and stays
    // refused.
    std::string code;
    for (int i = 0; i < 3 && code != "broker_tls"; ++i) code = s.code_of_call(*at);
    EXPECT_EQ(code, "broker_tls");
    EXPECT_EQ(s.code_of_call(*at), "broker_tls");
    s.foreign.write_ca(s.folder / "ca.pem");
    std::filesystem::last_write_time(s.folder / "ca.pem", std::filesystem::file_time_type::clock::now() + 1s);
    EXPECT_EQ(s.code_of_call(*at), "");  // at once, not after the 30 s of a broken certificate
}

TEST(Broker, B13_NoPlainHttpWhereHttpsIsConfiguredAndTheReverse)
{
    tls_stage s;
    s.settings.nodes = {
        "https://127.0.0.1:" + s.broker.url().substr(s.broker.url().rfind(':') + 1)};  // speaks plain http
    const auto downgraded = s.connect();
    EXPECT_EQ(s.code_of_call(*downgraded), "broker_tls");
    const auto behind_tls = s.proxy->url().substr(std::string_view("https").size());
    s.settings.nodes = {"http" + behind_tls};  // speaks TLS alone
    const auto before = s.proxy->seen("/v1/");
    const auto plain = s.connect();
    EXPECT_NE(s.code_of_call(*plain), "");
    EXPECT_EQ(s.proxy->seen("/v1/"), before);
    s.settings.nodes = {"https" + behind_tls};
    const auto right = s.connect();
    EXPECT_EQ(s.code_of_call(*right), "");
    EXPECT_GT(s.proxy->seen("/v1/"), before);
    s.settings.nodes = {s.broker.url()};  // and plain HTTP where it is spoken, and configured
    const auto as_configured = s.connect();
    EXPECT_EQ(s.code_of_call(*as_configured), "");
}

}  // namespace
}  // namespace leasehold::vault_client
