#include "exchange.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <gtest/gtest.h>

#include <array>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace leasehold::http::testing {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

bool is_readable(int socket, std::chrono::milliseconds limit)
{
    pollfd one{socket, POLLIN, 0};
    return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

class no_principal final : public principal
{
public:
    [[nodiscard]] std::string log_name() const override { return "test"; }
};

}  // namespace

task<std::shared_ptr<const principal>> open_gate::authenticate(const context&)
{
    co_return std::make_shared<no_principal>();
}

task<std::shared_ptr<const authorization>> open_gate::authorize(const context&, const permission&)
{
    co_return nullptr;
}

void echo_api::mount(routes& on)
{
    on.get("/echo", open_to_all, this, &echo_api::echo);
    on.post("/echo", open_to_all, this, &echo_api::echo).body_limit(8U << 20U);
    on.put("/small", open_to_all, this, &echo_api::echo).body_limit(100);
    on.get("/held", open_to_all, this, &echo_api::held).patience(0ms);
}

task<reply> echo_api::echo(const context& ctx)
{
    reply out = plain_text(200, ctx.request().body);
    if (!ctx.request().server_name.empty()) out.fields.set("X-Server-Name", ctx.request().server_name);
    if (const auto given = ctx.header("X-Given")) out.fields.set("X-Given", std::string(*given));
    co_return out;
}

task<reply> echo_api::held(const context&)
{
    ++entered;
    error_code ignored;
    co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return plain_text(200, "released");
}

running_server::running_server(std::function<void(server_settings&)> adjust)
    : table(gate, gate, [&] {
        routes_settings made;
        made.meters = &meters;
        return made;
    }())
{
    api.mount(table);
    server_settings settings;
    settings.name = "test";
    settings.listen = *address::parse("127.0.0.1:0");
    if (adjust) adjust(settings);
    is_tls = settings.tls.is_set();
    listener = std::make_unique<server>(own.context(), table, settings);
    listener->start();
}

running_server::~running_server()
{
    on_lane([&] { api.release(); });
    drain(2s);
    own.join();
}

origin running_server::at(const std::string& host) const
{
    origin made;
    made.tls = is_tls;
    made.host = host;
    made.port = port();
    return made;
}

std::size_t running_server::sessions()
{
    return on_lane([&] { return listener->sessions(); });
}

void running_server::wait_for_sessions(std::size_t count)
{
    wait_until([&] { return sessions() == count; });
}

void running_server::drain(std::chrono::milliseconds patience)
{
    if (is_drained_) return;
    is_drained_ = true;
    asio::co_spawn(own.context(), listener->drain(patience), asio::use_future).get();
}

answer ask(const origin& where, request what, client_settings settings)
{
    client one(where, std::move(settings));
    return run(one.send(std::move(what)));
}

exchange_error fail(const origin& where, request what, client_settings settings)
{
    try {
        const auto got = ask(where, std::move(what), std::move(settings));
        throw std::runtime_error("answered " + std::to_string(got.status) + " " + got.body);
    } catch (const exchange_error& why) {
        return why;
    }
}

client_settings trusting(const std::string& ca_file)
{
    client_settings made;
    made.ca_file = ca_file;
    return made;
}

bare_client::bare_client(std::uint16_t port)
{
    const tcp::endpoint where(asio::ip::address_v4::loopback(), port);
    tcp::socket connected(loop_);
    connected.connect(where);
    socket_ = std::move(connected);
}

bare_client::bare_client(const std::string& unix_path)
{
    asio::local::stream_protocol::socket connected(loop_);
    connected.connect(asio::local::stream_protocol::endpoint(unix_path));
    socket_ = std::move(connected);
}

void bare_client::send(std::string_view bytes)
{
    error_code ignored;  // a peer that has refused already may have closed
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
}

std::string bare_client::read_to_end(std::chrono::milliseconds limit)
{
    return read_until({}, limit);
}

std::string bare_client::read_until(std::string_view mark, std::chrono::milliseconds limit)
{
    std::string all;
    const auto end = std::chrono::steady_clock::now() + limit;
    while (mark.empty() || all.find(mark) == std::string::npos) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left <= 0ms || !is_readable(socket_.native_handle(), left)) break;
        std::array<char, 4096> some{};
        error_code failed;
        const auto count = socket_.read_some(asio::buffer(some), failed);
        if (failed) break;
        all.append(some.data(), count);
    }
    return all;
}

bool bare_client::is_closed_within(std::chrono::milliseconds limit)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left <= 0ms || !is_readable(socket_.native_handle(), left)) return false;
        std::array<char, 4096> some{};
        error_code failed;
        (void)socket_.read_some(asio::buffer(some), failed);
        if (failed) return true;
    }
}

void bare_client::reset()
{
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
}

scripted_peer::scripted_peer(talk each)
{
    acceptor_.open(tcp::v4());
    acceptor_.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this, each = std::move(each)] {
        while (!stopping_) {
            if (!is_readable(acceptor_.native_handle(), 20ms)) continue;
            error_code failed;
            tcp::socket one(loop_);
            acceptor_.accept(one, failed);
            if (failed) continue;
            ++accepted_;
            try {
                each(one);
            } catch (const std::exception&) {
                one.close(failed);  // the other side ended first: the test looks at that side
            }
        }
    });
}

scripted_peer::~scripted_peer()
{
    stopping_ = true;
    thread_.join();
}

origin scripted_peer::at() const
{
    origin made;
    made.host = "127.0.0.1";
    made.port = port_;
    return made;
}

std::string read_request(tcp::socket& from)
{
    std::string all;
    std::size_t wanted = std::string::npos;
    while (all.size() < wanted) {
        std::array<char, 4096> some{};
        if (!is_readable(from.native_handle(), 5s)) throw std::runtime_error("no request");
        all.append(some.data(), from.read_some(asio::buffer(some)));
        const auto head = all.find("\r\n\r\n");
        if (head == std::string::npos) continue;
        wanted = head + 4;
        const auto length = all.find("Content-Length: ");
        if (length < head) wanted += std::stoul(all.substr(length + 16));
    }
    return all;
}

void write_all(tcp::socket& to, std::string_view bytes)
{
    asio::write(to, asio::buffer(bytes.data(), bytes.size()));
}

void wait_until(const std::function<bool()>& holds, std::chrono::milliseconds limit)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("it never came true");
        std::this_thread::sleep_for(2ms);
    }
}

}  // namespace leasehold::http::testing
