#include "exchange.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace leasehold::http::testing {
namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;

class HttpTls : public ::testing::Test
{
protected:
    test::scratch_folder folder;
    test::test_authority authority{folder / "good", "good authority"};
    test::test_authority stranger{folder / "stranger", "another authority"};

    [[nodiscard]] tls_files usual() { return authority.issue("server", "DNS:localhost,IP:127.0.0.1"); }
    static request get() { return request(method::get, "/echo"); }
};

TEST_F(HttpTls, AnswersWhoeverTrustsItsAuthority)
{
    running_server one([&](server_settings& settings) { settings.tls = usual(); });
    const auto got = ask(one.at("localhost"), get(), trusting(authority.ca_file()));
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(got.fields.find("Strict-Transport-Security"));
    EXPECT_EQ(ask(one.at("127.0.0.1"), get(), trusting(authority.ca_file())).status, 200)
        << "an address in the certificate";

    const auto refused = fail(one.at("localhost"), get(), trusting(stranger.ca_file()));
    EXPECT_EQ(refused.failure(), exchange_failure::tls);
    EXPECT_EQ(refused.code(), "http_tls");
    EXPECT_FALSE(refused.request_sent());
    EXPECT_EQ(fail(one.at("localhost"), get()).failure(), exchange_failure::tls)
        << "the system's authorities";
}

TEST_F(HttpTls, TellsWhichNameTheConnectionAskedFor)
{
    running_server one([&](server_settings& settings) { settings.tls = usual(); });
    const auto name_of = [&](const std::string& host) {
        const auto got = ask(one.at(host), get(), trusting(authority.ca_file()));
        return std::string(got.fields.find("X-Server-Name").value_or("none"));
    };
    EXPECT_EQ(name_of("localhost"), "localhost");
    EXPECT_EQ(name_of("127.0.0.1"), "none") << "an address is no name";
}

TEST_F(HttpTls, RefusesACertificateForAnotherName)
{
    running_server one([&](server_settings& settings) {
        settings.tls = authority.issue("other", "DNS:other.example");
    });
    for (const auto* host : {"localhost", "127.0.0.1"}) {
        const auto refused = fail(one.at(host), get(), trusting(authority.ca_file()));
        EXPECT_EQ(refused.failure(), exchange_failure::tls);
        EXPECT_FALSE(refused.request_sent());
        EXPECT_NE(refused.detail().find("does not name"), std::string::npos) << refused.detail();
    }
}

TEST_F(HttpTls, RefusesAnExpiredCertificate)
{
    running_server one([&](server_settings& settings) {
        settings.tls = authority.issue("old", "DNS:localhost,IP:127.0.0.1", -60);
    });
    const auto refused = fail(one.at("localhost"), get(), trusting(authority.ca_file()));
    EXPECT_EQ(refused.failure(), exchange_failure::tls);
    EXPECT_NE(refused.detail().find("expired"), std::string::npos) << refused.detail();
}

TEST_F(HttpTls, RefusesAnUnusableCaFile)
{
    EXPECT_THROW(
        client(*origin::parse("https://localhost:1"), trusting(folder / "absent.pem")), exchange_error
    );
}

TEST_F(HttpTls, TellsPlainTextWhatIsExpected)
{
    running_server one([&](server_settings& settings) { settings.tls = usual(); });
    bare_client plain(one.port());
    plain.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto said = plain.read_to_end();
    EXPECT_EQ(said.find("HTTP/1.1 400 "), 0U) << said;
    EXPECT_NE(said.find("tls_expected"), std::string::npos);

    origin without = one.at();
    without.tls = false;
    EXPECT_EQ(ask(without, get()).status, 400);
    EXPECT_EQ(ask(one.at(), get(), trusting(authority.ca_file())).status, 200) << "and serves on";
}

TEST_F(HttpTls, IsAnsweredByAPlainListenerAtOnce)
{
    running_server one;
    origin with_tls = one.at();
    with_tls.tls = true;
    const auto refused = fail(with_tls, get(), trusting(authority.ca_file()));
    EXPECT_EQ(refused.failure(), exchange_failure::tls);
    EXPECT_FALSE(refused.request_sent());
    EXPECT_EQ(ask(one.at(), get()).status, 200);
}

TEST_F(HttpTls, ReloadsItsCertificateWithoutDroppingConnections)
{
    auto files = usual();
    running_server one([&](server_settings& settings) { settings.tls = files; });
    client kept(one.at("localhost"), trusting(authority.ca_file()));
    lane own("http-client");
    const auto send = [&] {
        return asio::co_spawn(own.context(), kept.send(get()), asio::use_future).get().status;
    };
    EXPECT_EQ(send(), 200);

    const auto replaced = stranger.issue("server", "DNS:localhost,IP:127.0.0.1");
    std::filesystem::copy_file(
        replaced.cert_file, files.cert_file, std::filesystem::copy_options::overwrite_existing
    );
    EXPECT_THROW(static_cast<void>(one.listener->load_tls(files)), error)
        << "certificate and key do not fit: nothing changes";
    EXPECT_EQ(ask(one.at("localhost"), get(), trusting(authority.ca_file())).status, 200);

    std::filesystem::copy_file(
        replaced.key_file, files.key_file, std::filesystem::copy_options::overwrite_existing
    );
    one.listener->load_tls(files)();
    EXPECT_EQ(ask(one.at("localhost"), get(), trusting(stranger.ca_file())).status, 200);
    EXPECT_EQ(
        fail(one.at("localhost"), get(), trusting(authority.ca_file())).failure(), exchange_failure::tls
    );
    EXPECT_EQ(send(), 200) << "the connection from before";
    EXPECT_EQ(one.sessions(), 1U);
    own.join();
}

TEST_F(HttpTls, RefusesFilesThatCannotBeUsed)
{
    const auto make = [&](const tls_files& files) {
        running_server one([&](server_settings& settings) { settings.tls = files; });
    };
    auto files = usual();
    EXPECT_NO_THROW(make(files));
    files.key_file = folder / "absent.key";
    try {
        make(files);
        FAIL() << "made";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "tls_files_unusable");
    }
}

// A TLS peer that ends the connection with or without close_notify.
class HttpTlsEnd : public HttpTls
{
protected:
    exchange_error fail_with(const std::string& said, bool with_notify)
    {
        scripted_peer peer(talk(said, with_notify));
        return fail(at(peer), get(), trusting(authority.ca_file()));
    }
    answer ask_with(const std::string& said, bool with_notify)
    {
        scripted_peer peer(talk(said, with_notify));
        return ask(at(peer), get(), trusting(authority.ca_file()));
    }

private:
    static origin at(const scripted_peer& peer)
    {
        origin made = peer.at();
        made.tls = true;
        return made;
    }
    scripted_peer::talk talk(const std::string& said, bool with_notify)
    {
        const auto files = usual();
        return [=](tcp::socket& socket) {
            ssl::context context(ssl::context::tls_server);
            context.use_certificate_chain_file(files.cert_file.string());
            context.use_private_key_file(files.key_file.string(), ssl::context::pem);
            ssl::stream<tcp::socket&> secured(socket, context);
            secured.handshake(ssl::stream_base::server);
            std::array<char, 4096> some{};
            (void)secured.read_some(asio::buffer(some));
            asio::write(secured, asio::buffer(said));
            boost::system::error_code ignored;
            if (with_notify) secured.shutdown(ignored);
            socket.close();
        };
    }
};

TEST_F(HttpTlsEnd, AfterACompleteAnswerIsAClose)
{
    EXPECT_EQ(ask_with("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false).body, "hi");
    EXPECT_EQ(ask_with("HTTP/1.1 204 No Content\r\n\r\n", false).status, 204);
}

TEST_F(HttpTlsEnd, WithinAnAnswerIsALoss)
{
    const auto lost = fail_with("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", false);
    EXPECT_EQ(lost.failure(), exchange_failure::answer_lost);
    EXPECT_TRUE(lost.request_sent());
}

TEST_F(HttpTlsEnd, DelimitsABodyOnlyWhenItIsAnnounced)
{
    EXPECT_EQ(ask_with("HTTP/1.1 200 OK\r\n\r\nwhole", true).body, "whole");
    EXPECT_EQ(fail_with("HTTP/1.1 200 OK\r\n\r\nwho", false).failure(), exchange_failure::answer_lost);
}

}  // namespace
}  // namespace leasehold::http::testing
