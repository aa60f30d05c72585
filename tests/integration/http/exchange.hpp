#pragma once

#include "scratch_folder.hpp"
#include "test_authority.hpp"

#include <leasehold/base/lane.hpp>
#include <leasehold/http/client.hpp>
#include <leasehold/http/routes.hpp>
#include <leasehold/http/server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// A real server on a lane of its own and what talks to it: the client, or bare sockets.
namespace leasehold::http::testing {

using namespace std::chrono_literals;

class open_gate final : public authenticator, public authorizer
{
public:
    task<std::shared_ptr<const principal>> authenticate(const context& ctx) override;
    task<std::shared_ptr<const authorization>>
    authorize(const context& ctx, const permission& needed) override;
};

// /echo says back, /small takes 100 bytes, /held answers when released.
class echo_api
{
public:
    explicit echo_api(asio::io_context& where) : released_(where)
    {
        released_.expires_at(std::chrono::steady_clock::time_point::max());
    }
    void mount(routes& on);
    void release() { released_.cancel(); }

    task<reply> echo(const context& ctx);
    task<reply> held(const context& ctx);

    std::atomic<int> entered{0};

private:
    asio::steady_timer released_;
};

class running_server
{
public:
    explicit running_server(std::function<void(server_settings&)> adjust = {});
    ~running_server();

    [[nodiscard]] std::uint16_t port() const { return listener->bound().port; }
    [[nodiscard]] origin at(const std::string& host = "127.0.0.1") const;
    std::size_t sessions();
    void wait_for_sessions(std::size_t count);
    void drain(std::chrono::milliseconds patience);
    template <class Work>
    auto on_lane(Work work)
    {
        std::promise<decltype(work())> done;
        asio::post(own.context(), [&] {
            if constexpr (std::is_void_v<decltype(work())>) {
                work();
                done.set_value();
            } else {
                done.set_value(work());
            }
        });
        return done.get_future().get();
    }

    metrics meters;
    open_gate gate;
    lane own{"http-test"};
    echo_api api{own.context()};
    routes table;
    std::unique_ptr<server> listener;
    bool is_tls = false;

private:
    bool is_drained_ = false;
};

// One request by a new client, blocking.
answer ask(const origin& where, request what, client_settings settings = {});
// The failure of one that must fail.
exchange_error fail(const origin& where, request what, client_settings settings = {});
client_settings trusting(const std::string& ca_file);

// A bare connection.
class bare_client
{
public:
    explicit bare_client(std::uint16_t port);
    explicit bare_client(const std::string& unix_path);
    void send(std::string_view bytes);
    // Until the peer closes or `limit`; empty where nothing came.
    std::string read_to_end(std::chrono::milliseconds limit = 10s);
    // Until `mark` has come.
    std::string read_until(std::string_view mark, std::chrono::milliseconds limit = 10s);
    [[nodiscard]] bool is_closed_within(std::chrono::milliseconds limit);
    void reset();

private:
    asio::io_context loop_{1};
    asio::generic::stream_protocol::socket socket_{loop_};
};

// Accepts connections one after the other and lets `talk` deal with each. Plain sockets, a thread of its own.
class scripted_peer
{
public:
    using talk = std::function<void(asio::ip::tcp::socket&)>;
    explicit scripted_peer(talk each);
    ~scripted_peer();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] origin at() const;
    [[nodiscard]] int accepted() const { return accepted_; }

private:
    asio::io_context loop_{1};
    asio::ip::tcp::acceptor acceptor_{loop_};
    std::uint16_t port_ = 0;
    std::atomic<int> accepted_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// Reads until the empty line and as many bytes as Content-Length says. Returns all of it.
std::string read_request(asio::ip::tcp::socket& from);
void write_all(asio::ip::tcp::socket& to, std::string_view bytes);

void wait_until(const std::function<bool()>& holds, std::chrono::milliseconds limit = 10s);

}  // namespace leasehold::http::testing
