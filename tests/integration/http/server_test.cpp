#include "exchange.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace leasehold::http::testing {
namespace {

constexpr std::string_view whole = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::string status_line(const std::string& answer)
{
    return answer.substr(0, answer.find("\r\n"));
}

TEST(HttpServer, RefusesAnOversizedBodyBeforeReadingIt)
{
    running_server one;
    bare_client bare(one.port());
    bare.send("PUT /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
    const auto said = bare.read_until("body_too_large");
    EXPECT_EQ(status_line(said), "HTTP/1.1 413 Content Too Large");
    EXPECT_NE(said.find("Connection: close"), std::string::npos);

    bare_client fits(one.port());
    fits.send(
        "PUT /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\n" +
        std::string(100, 'x')
    );
    EXPECT_EQ(status_line(fits.read_to_end()), "HTTP/1.1 200 OK");

    bare_client chunked(one.port());
    chunked.send(
        "PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + std::string(100, 'x') +
        "\r\n1\r\nx\r\n"
    );
    EXPECT_EQ(status_line(chunked.read_until("body_too_large")), "HTTP/1.1 413 Content Too Large");
}

TEST(HttpServer, LetsAClientSeeTheRefusalOfALongBody)
{
    running_server one;
    request what(method::put, "/small");
    what.body = std::string(20U << 20U, 'x');
    EXPECT_EQ(ask(one.at(), std::move(what)).status, 413);
}

TEST(HttpServer, RefusesAnOversizedHead)
{
    running_server one;
    bare_client bare(one.port());
    bare.send("GET /echo HTTP/1.1\r\nX-Long: " + std::string(20000, 'x') + "\r\n\r\n");
    EXPECT_EQ(status_line(bare.read_until("\r\n")), "HTTP/1.1 413 Content Too Large");
}

TEST(HttpServer, AnswersMalformedRequestsAndCloses)
{
    running_server one;
    for (const auto* text :
         {"GET\r\n\r\n",
          "GET /echo HTTP/3.0\r\n\r\n",
          "GET /echo HTTP/1.1\r\nBad Name: x\r\n\r\n",
          "GET echo HTTP/1.1\r\nHost: x\r\n\r\n",
          "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
        bare_client bare(one.port());
        bare.send(text);
        EXPECT_EQ(status_line(bare.read_to_end()), "HTTP/1.1 400 Bad Request") << text;
    }
}

TEST(HttpServer, AnswersPostgresqlInItsOwnLanguage)
{
    running_server one;
    for (const auto& first :
         {std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8), std::string("\0\0\0\x0f\0\x03\0\0user\0x\0", 15)}) {
        bare_client bare(one.port());
        bare.send(first);
        const auto said = bare.read_to_end(5s);
        ASSERT_FALSE(said.empty());
        EXPECT_EQ(said[0], 'E');
        EXPECT_NE(said.find("http_expected"), std::string::npos);
    }
    bare_client noise(one.port());
    noise.send("\x01\x02\x03");
    EXPECT_EQ(status_line(noise.read_to_end(5s)), "HTTP/1.1 400 Bad Request");
}

TEST(HttpServer, EndsASlowHeadAtItsDeadline)
{
    running_server one([](server_settings& settings) { settings.header_timeout = 300ms; });
    bare_client silent(one.port());
    bare_client slow(one.port());
    slow.send("GET /echo HTTP/1.1\r\n");
    one.wait_for_sessions(2);
    EXPECT_TRUE(slow.is_closed_within(5s));
    EXPECT_TRUE(silent.is_closed_within(5s));
    one.wait_for_sessions(0);

    bare_client trickle(one.port());
    const auto begun = std::chrono::steady_clock::now();
    bool is_closed = false;
    for (const char c : std::string("GET /echo HTTP/1.1\r\nX-Slow: ") + std::string(1000, 'x')) {
        trickle.send(std::string(1, c));
        is_closed = trickle.is_closed_within(20ms);
        if (is_closed) break;
    }
    EXPECT_TRUE(is_closed) << "each byte came in time, all of them did not";
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(HttpServer, EndsASlowBodyAtItsDeadline)
{
    running_server one([](server_settings& settings) { settings.body_timeout = 200ms; });
    bare_client slow(one.port());
    slow.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_TRUE(slow.is_closed_within(5s));
}

TEST(HttpServer, OutlivesRequestsCutAtEveryByte)
{
    running_server one;
    const std::string text = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    for (std::size_t size = 0; size < text.size(); ++size) {
        bare_client cut(one.port());
        cut.send(text.substr(0, size));
        if (size % 2 == 0) cut.reset();
    }
    one.wait_for_sessions(0);
    bare_client good(one.port());
    good.send(whole);
    EXPECT_EQ(status_line(good.read_to_end()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, ReadsARequestThatComesByteByByte)
{
    running_server one;
    bare_client slow(one.port());
    for (const char c :
         std::string("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
         )) {
        slow.send(std::string(1, c));
    }
    const auto said = slow.read_to_end();
    EXPECT_EQ(status_line(said), "HTTP/1.1 200 OK");
    EXPECT_EQ(said.substr(said.size() - 5), "hello");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder)
{
    running_server one;
    bare_client bare(one.port());
    std::string all;
    for (const auto* body : {"first", "other", "third"}) {
        all += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n" + std::string(body);
    }
    bare.send(all + std::string(whole));
    const auto said = bare.read_to_end();
    const auto first = said.find("first");
    const auto other = said.find("other");
    const auto third = said.find("third");
    ASSERT_NE(third, std::string::npos) << said;
    EXPECT_LT(first, other);
    EXPECT_LT(other, third);
}

TEST(HttpServer, AsksForABodyThatWaitsToBeAsked)
{
    running_server one;
    bare_client bare(one.port());
    bare.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: "
              "close\r\n\r\n");
    EXPECT_EQ(status_line(bare.read_until("\r\n\r\n")), "HTTP/1.1 100 Continue");
    bare.send("hello");
    EXPECT_EQ(status_line(bare.read_to_end()), "HTTP/1.1 200 OK");

    bare_client refused(one.port());
    refused.send("PUT /small HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(status_line(refused.read_until("\r\n\r\n")), "HTTP/1.1 413 Content Too Large");
}

TEST(HttpServer, AnswersAnUnknownPathWithoutReadingItsBody)
{
    running_server one;
    bare_client bare(one.port());
    bare.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
    const auto said = bare.read_until("route_not_found");
    EXPECT_EQ(status_line(said), "HTTP/1.1 404 Not Found");
    EXPECT_NE(said.find("Connection: close"), std::string::npos);
}

task<int> send_many(client& by, int count, std::vector<int>& statuses)
{
    for (int i = 0; i < count; ++i) {
        request what(method::post, "/echo");
        what.body = std::string(static_cast<std::size_t>(i + 1) * 100, 'x');
        const auto got = co_await by.send(std::move(what));
        if (got.body.size() == static_cast<std::size_t>(i + 1) * 100) statuses.push_back(got.status);
    }
    co_return count;
}

TEST(HttpServer, AnswersTwoHundredAtATime)
{
    running_server one;
    lane own("http-client");
    client_settings settings;
    settings.idle_connections = 200;
    client by(one.at(), settings);
    std::vector<int> statuses;
    std::vector<std::future<int>> all;
    for (int i = 0; i < 200; ++i) {
        all.push_back(asio::co_spawn(own.context(), send_many(by, 5, statuses), asio::use_future));
    }
    for (auto& one_of_them : all) EXPECT_EQ(one_of_them.get(), 5);
    own.join();
    EXPECT_EQ(statuses, std::vector<int>(1000, 200));
}

TEST(HttpServer, RefusesConnectionsAboveItsCap)
{
    running_server one([](server_settings& settings) { settings.max_sessions = 2; });
    bare_client first(one.port());
    bare_client second(one.port());
    one.wait_for_sessions(2);
    bare_client third(one.port());
    const auto said = third.read_to_end();
    EXPECT_EQ(status_line(said), "HTTP/1.1 503 Service Unavailable");
    EXPECT_NE(said.find("server_busy"), std::string::npos);
    first.send(whole);
    EXPECT_EQ(status_line(first.read_to_end()), "HTTP/1.1 200 OK");
    one.wait_for_sessions(1);
    bare_client fourth(one.port());
    fourth.send(whole);
    EXPECT_EQ(status_line(fourth.read_to_end()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, BoundsTheMemoryOfBodies)
{
    running_server one([](server_settings& settings) { settings.bodies_limit = 9U << 20U; });
    bare_client holding(one.port());
    holding.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
    bare_client other(one.port());
    wait_until([&] {
        bare_client probe(one.port());
        probe.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
        return probe.read_until("server_busy", 200ms).find("server_busy") != std::string::npos;
    });
    other.send(whole);
    EXPECT_EQ(status_line(other.read_to_end()), "HTTP/1.1 200 OK") << "a request without a body is served";
    holding.reset();
    wait_until([&] {
        bare_client probe(one.port());
        probe.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
        return status_line(probe.read_to_end()) == "HTTP/1.1 200 OK";
    });
}

TEST(HttpServer, DrainsWithoutLosingAnAnswer)
{
    running_server one;
    bare_client idle(one.port());
    idle.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_until("\r\n\r\n");
    bare_client busy(one.port());
    busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until([&] { return one.api.entered == 1; });

    auto drained = std::async(std::launch::async, [&] { one.drain(10s); });
    EXPECT_TRUE(idle.is_closed_within(5s));
    EXPECT_ANY_THROW(bare_client(one.port())) << "nobody new is let in";
    one.on_lane([&] { one.api.release(); });
    const auto said = busy.read_to_end();
    EXPECT_EQ(status_line(said), "HTTP/1.1 200 OK");
    EXPECT_NE(said.find("Connection: close"), std::string::npos);
    EXPECT_NE(said.find("released"), std::string::npos);
    drained.get();
    EXPECT_EQ(one.sessions(), 0U);
}

TEST(HttpServer, EndsADrainAtItsDeadline)
{
    running_server one;
    bare_client busy(one.port());
    busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until([&] { return one.api.entered == 1; });
    const auto begun = std::chrono::steady_clock::now();
    one.drain(100ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
    EXPECT_TRUE(busy.is_closed_within(5s));
}

TEST(HttpServer, ListensOnAUnixSocket)
{
    const test::scratch_folder folder;
    const auto file = (folder / "api.sock").string();
    {
        running_server one([&](server_settings& settings) {
            settings.listen = *address::parse("unix:" + file);
        });
        struct stat facts
        {};
        ASSERT_EQ(::stat(file.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777U, 0660U);
        bare_client bare(file);
        bare.send(whole);
        EXPECT_EQ(status_line(bare.read_to_end()), "HTTP/1.1 200 OK");
        const auto again = [&] {
            running_server other([&](server_settings& settings) {
                settings.listen = *address::parse("unix:" + file);
            });
        };
        EXPECT_THROW(again(), error) << "a socket that is served is not taken over";
    }
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(HttpServer, SaysThatItsAddressIsTaken)
{
    running_server one;
    try {
        running_server other([&](server_settings& settings) { settings.listen = one.listener->bound(); });
        FAIL() << "listens twice";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "address_in_use");
    }
}

}  // namespace
}  // namespace leasehold::http::testing
