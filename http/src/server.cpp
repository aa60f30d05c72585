#include "listener.hpp"
#include "plain_answer.hpp"
#include "session.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/http/server.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace leasehold::http {
namespace {

using std::chrono::steady_clock;

}  // namespace

struct server::impl
{
    impl(asio::io_context& on, handler& app, server_settings how)
        : where(on)
        , at(how.listen)
        , acceptor(listen_on(on, at))
        , host(std::make_shared<session_host>(app, std::move(how)))
        , one_ended(on)
    {
        if (host->settings.tls.is_set()) host->context = make_server_context(host->settings.tls);
    }

    asio::io_context& where;
    address at;
    stream_acceptor acceptor;
    std::shared_ptr<session_host> host;
    asio::steady_timer one_ended;  // cancelled by every session's end

    static task<void> accept_loop(std::shared_ptr<impl> self);
    void admit(stream_socket socket);
    task<void> wait_for_end(steady_clock::time_point limit);
    void close_listener();
};

// Without a read: TLS cannot be answered in the clear, and a plain client reads this one.
static void refuse_session(stream_socket& socket, const session_host& host)
{
    log::warn("http.session_refused", {{"listener", host.settings.name}, {"sessions", host.live.size()}});
    if (!host.context) {
        const auto text = plain_answer(503, "server_busy", "too many connections: try again");
        (void)::send(socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    error_code ignored;
    socket.close(ignored);
}

void server::impl::admit(stream_socket socket)
{
    if (host->live.size() >= host->settings.max_sessions) {
        refuse_session(socket, *host);
        return;
    }
    error_code ignored;  // a Unix socket has no such option
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    spawn(where, "http.session", run_session(host, std::move(socket)));
}

task<void> server::impl::accept_loop(std::shared_ptr<impl> self)
{
    asio::steady_timer pause(self->where);
    while (!self->host->is_stopping) {
        error_code failed;
        auto socket = co_await self->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failed));
        if (failed == asio::error::operation_aborted) break;  // closed by drain()
        if (failed) {                                         // EMFILE, ECONNABORTED: not our end
            log::warn(
                "http.accept_failed", {{"listener", self->host->settings.name}, {"error", failed.message()}}
            );
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failed));
            continue;
        }
        self->admit(std::move(socket));
    }
}

task<void> server::impl::wait_for_end(steady_clock::time_point limit)
{
    while (!host->live.empty() && steady_clock::now() < limit) {
        one_ended.expires_at(limit);
        error_code ignored;
        co_await one_ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

void server::impl::close_listener()
{
    if (!acceptor.is_open()) return;
    error_code ignored;
    acceptor.close(ignored);
    if (at.is_unix()) ::unlink(at.unix_path.c_str());
}

server::server(asio::io_context& where, handler& app, server_settings settings)
    : impl_(std::make_shared<impl>(where, app, std::move(settings)))
{
    const std::weak_ptr<impl> weak = impl_;
    impl_->host->on_end = [weak] {
        if (const auto self = weak.lock()) self->one_ended.cancel();
    };
}

server::~server() = default;

void server::start()
{
    log::info(
        "http.listening",
        {{"listener", impl_->host->settings.name},
         {"address", impl_->at.to_string()},
         {"tls", impl_->host->context != nullptr}}
    );
    spawn(impl_->where, "http.accept", impl::accept_loop(impl_));
}

const address& server::bound() const noexcept
{
    return impl_->at;
}

std::size_t server::sessions() const noexcept
{
    return impl_->host->live.size();
}

std::function<void()> server::load_tls(const tls_files& from)
{
    auto made = from.is_set() ? make_server_context(from) : nullptr;
    return [self = impl_, made = std::move(made)] {
        asio::post(self->where, [host = self->host, made] { host->context = made; });
    };
}

task<void> server::drain(std::chrono::milliseconds patience)
{
    auto self = impl_;
    self->host->is_stopping = true;
    self->close_listener();
    const std::vector<live_session*> now(self->host->live.begin(), self->host->live.end());
    for (auto* one : now) {
        if (one->is_waiting) one->close();
    }
    co_await self->wait_for_end(steady_clock::now() + patience);
    const auto left = self->host->live.size();
    if (left == 0) co_return;
    log::warn("http.drain_cut", {{"listener", self->host->settings.name}, {"sessions", left}});
    for (auto* one : self->host->live) one->close();
    co_await self->wait_for_end(steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace leasehold::http
