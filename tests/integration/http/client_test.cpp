#include "exchange.hpp"

#include <boost/asio/this_coro.hpp>

#include <gtest/gtest.h>

namespace leasehold::http::testing {
namespace {

using asio::ip::tcp;

request get()
{
    return request(method::get, "/echo");
}

request post(std::string body)
{
    request made(method::post, "/echo");
    made.body = std::move(body);
    return made;
}

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

task<std::vector<int>> send_all(client& by, std::vector<request> all)
{
    std::vector<int> statuses;
    for (auto& one : all) {
        const auto got = co_await by.send(std::move(one));
        statuses.push_back(got.status);
    }
    co_return statuses;
}

TEST(HttpClient, KeepsItsConnection)
{
    running_server one;
    lane own("http-client");
    {
        client by(one.at(), {});
        std::vector<request> all(5, get());
        const auto statuses =
            asio::co_spawn(own.context(), send_all(by, std::move(all)), asio::use_future).get();
        EXPECT_EQ(statuses, std::vector<int>(5, 200));
        EXPECT_EQ(one.sessions(), 1U);
    }
    own.join();
    one.wait_for_sessions(0);
}

TEST(HttpClient, OutlivesTheLoopsOfItsCalls)
{
    running_server one;
    client by(one.at(), {});
    for (int i = 0; i < 3; ++i) {
        const auto got = run(by.send(get()));
        EXPECT_EQ(got.status, 200);
    }
    one.wait_for_sessions(0);
}

TEST(HttpClient, SendsHeadersAndBodiesOfAnySize)
{
    running_server one;
    for (const std::size_t size : {0U, 1U, 16384U, 16385U, 3000000U}) {
        auto what = post(std::string(size, 'x'));
        what.fields.set("X-Given", "value");
        what.answer_limit = 4U << 20U;
        what.wipe = true;
        const auto got = ask(one.at(), std::move(what));
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.body.size(), size);
        EXPECT_EQ(got.fields.find("x-given").value_or(""), "value");
        EXPECT_GT(got.asked_at.time_since_epoch().count(), 0);
    }
}

TEST(HttpClient, SendsEveryVerb)
{
    std::string seen;
    scripted_peer peer([&](tcp::socket& socket) {
        const auto text = read_request(socket);
        seen = text.substr(0, text.find("\r\n"));
        write_all(socket, ok);
    });
    for (const auto verb :
         {method::get, method::post, method::put, method::patch, method::del, method::list}) {
        EXPECT_EQ(ask(peer.at(), request(verb, "/v1/x?y=z")).status, 200);
        EXPECT_EQ(seen, std::string(to_text(verb)) + " /v1/x?y=z HTTP/1.1");
    }
}

TEST(HttpClient, RefusesWhatCouldEndALine)
{
    running_server one;
    const auto code_of = [&](request what) {
        try {
            ask(one.at(), std::move(what));
        } catch (const error& why) {
            return why.code();
        }
        return std::string("sent");
    };
    EXPECT_EQ(code_of(get()), "sent");
    EXPECT_EQ(code_of(request(method::get, "/a b")), "http_request_invalid");
    EXPECT_EQ(code_of(request(method::get, "/a\r\nX: y")), "http_request_invalid");
    EXPECT_EQ(code_of(request(method::get, "echo")), "http_request_invalid");
    auto bad_value = get();
    bad_value.fields.set("X-Token", "a\r\nX-Other: b");
    EXPECT_EQ(code_of(bad_value), "http_request_invalid");
    auto bad_name = get();
    bad_name.fields.set("X Token", "a");
    EXPECT_EQ(code_of(bad_name), "http_request_invalid");
}

TEST(HttpClient, KnowsThatNothingWasSent)
{
    std::uint16_t closed = 0;
    {
        scripted_peer peer([](tcp::socket&) {});
        closed = peer.port();
    }
    origin nowhere;
    nowhere.host = "127.0.0.1";
    nowhere.port = closed;
    const auto refused = fail(nowhere, post("x"));
    EXPECT_EQ(refused.failure(), exchange_failure::unreachable);
    EXPECT_FALSE(refused.request_sent());
    EXPECT_EQ(refused.kind(), error_kind::unavailable);

    origin unknown;
    unknown.host = "no-such-host.invalid";
    unknown.port = 1;
    EXPECT_EQ(fail(unknown, get()).failure(), exchange_failure::unreachable);
}

TEST(HttpClient, KnowsThatAnAnswerWasLost)
{
    scripted_peer closing([](tcp::socket& socket) { read_request(socket); });
    const auto lost = fail(closing.at(), post("x"));
    EXPECT_EQ(lost.failure(), exchange_failure::answer_lost);
    EXPECT_TRUE(lost.request_sent());

    scripted_peer halving([](tcp::socket& socket) {
        read_request(socket);
        write_all(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    });
    EXPECT_EQ(fail(halving.at(), post("x")).failure(), exchange_failure::answer_lost);

    scripted_peer resetting([](tcp::socket& socket) {
        read_request(socket);
        socket.set_option(asio::socket_base::linger(true, 0));
    });
    EXPECT_EQ(fail(resetting.at(), post("x")).failure(), exchange_failure::answer_lost);
    EXPECT_EQ(resetting.accepted(), 1) << "nothing is repeated";
}

TEST(HttpClient, KeepsItsDeadline)
{
    running_server one;
    client_settings hasty;
    hasty.call_timeout = 150ms;
    const auto begun = std::chrono::steady_clock::now();
    const auto late = fail(one.at(), request(method::get, "/held"), hasty);
    EXPECT_EQ(late.failure(), exchange_failure::answer_lost);
    EXPECT_TRUE(late.request_sent());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(HttpClient, CountsOnlyTheRequestAsSentNotTheHandshake)
{
    scripted_peer silent([](tcp::socket& socket) {
        std::array<char, 4096> some{};
        boost::system::error_code failed;
        while (!failed) (void)socket.read_some(asio::buffer(some), failed);
    });
    origin with_tls = silent.at();
    with_tls.tls = true;
    client_settings hasty;
    hasty.connect_timeout = 100ms;
    const auto late = fail(with_tls, post("x"), hasty);
    EXPECT_EQ(late.failure(), exchange_failure::unreachable);
    EXPECT_FALSE(late.request_sent());
}

TEST(HttpClient, ReplacesAKeptConnectionThatHasEnded)
{
    running_server one([](server_settings& settings) { settings.idle_timeout = 50ms; });
    lane own("http-client");
    client by(one.at(), {});
    const auto send = [&] {
        return asio::co_spawn(own.context(), by.send(get()), asio::use_future).get().status;
    };
    EXPECT_EQ(send(), 200);
    one.wait_for_sessions(0);
    EXPECT_EQ(send(), 200);
    own.join();
}

TEST(HttpClient, DoesNotRepeatOnAKeptConnectionThatDiesUnderTheRequest)
{
    int requests = 0;
    scripted_peer peer([&](tcp::socket& socket) {
        read_request(socket);
        ++requests;
        write_all(socket, ok);
        read_request(socket);
        ++requests;
    });
    client by(peer.at(), {});
    EXPECT_THROW(run(send_all(by, {post("a"), post("b")})), exchange_error);
    EXPECT_EQ(requests, 2);
    EXPECT_EQ(peer.accepted(), 1);
}

TEST(HttpClient, RefusesAnswersThatAreNone)
{
    const auto failure_of = [](std::string said, std::size_t limit = 1000) {
        scripted_peer peer([&](tcp::socket& socket) {
            read_request(socket);
            write_all(socket, said);
        });
        auto what = get();
        what.answer_limit = limit;
        const auto why = fail(peer.at(), std::move(what));
        EXPECT_TRUE(why.request_sent());
        return why.failure();
    };
    EXPECT_EQ(failure_of("nonsense\r\n\r\n"), exchange_failure::malformed);
    EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), exchange_failure::malformed);
    EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"), exchange_failure::too_large);
    EXPECT_EQ(
        failure_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 4),
        exchange_failure::too_large
    );
    EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\n\r\nhello", 4), exchange_failure::too_large);
    EXPECT_EQ(failure_of("\x15\x03\x01\x00\x02\x02\x46"), exchange_failure::tls);
}

TEST(HttpClient, ReadsPastInterimAnswersAndChunks)
{
    scripted_peer peer([](tcp::socket& socket) {
        read_request(socket);
        write_all(
            socket,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        );
    });
    const auto got = ask(peer.at(), get());
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "hello");
}

}  // namespace
}  // namespace leasehold::http::testing
