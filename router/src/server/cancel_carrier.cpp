#include "server/server_logins.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/router/wire/message_writer.hpp>

#include <boost/asio/post.hpp>

#include <cerrno>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
constexpr auto cancel_limit = 3s;

// False: the connection is over.
task<bool> connect(peer_socket& socket, const relay::server_address& where)
{
    const auto* to = reinterpret_cast<const sockaddr*>(&where.peer);
    if (::connect(socket.descriptor(), to, where.peer_size) == 0) co_return true;
    if (errno != EINPROGRESS) co_return false;
    co_return co_await socket.finish_connect();
}

// As the server's row says, like every connection to it.
task<bool> begin_tls(peer_socket& socket, const server_record& server, SSL_CTX& tls, const std::string& host)
{
    wire::message_writer writer;
    writer.ssl_request();
    const bool is_asked = co_await socket.write_all(writer.view());
    if (!is_asked) co_return false;
    std::string answer;
    const bool is_answered = co_await socket.read_more(answer, 1);
    if (!is_answered) co_return false;
    if (answer != "S") co_return tls_need_of(server.sslmode) == tls_need::optional;
    const auto shown = server_tls::checks_name(server) ? host : std::string();
    co_return co_await socket.connect_tls(tls, shown);
}

// Connects anew, sends the request, waits for the end of the stream: PostgreSQL closes once it has passed it
// on.
task<void> deliver(
    asio::io_context& on,
    const server_record& server,
    SSL_CTX* tls,
    const relay::server_address& where,
    std::string_view request
)
{
    const int made = ::socket(where.peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) co_return;
    peer_socket socket(on, made);
    const bool is_there = co_await connect(socket, where);
    if (!is_there) co_return;
    if (tls != nullptr) {
        const bool is_secret = co_await begin_tls(socket, server, *tls, where.host);
        if (!is_secret) co_return;
    }
    bool is_open = co_await socket.write_all(request);
    std::string rest;
    while (is_open) {
        const bool is_more = co_await socket.read_more(rest, 64);
        is_open = is_more;
    }
}

}  // namespace

void server_logins::send_cancel(
    std::shared_ptr<const relay::server_address> where,
    wire::server_pid pid,
    const wire::server_key& key,
    relay::cancel_promise answer
)
{
    asio::post(
        with_.on->context(),
        [this, where = std::move(where), pid, key = key, answer = std::move(answer)]() mutable {
            auto work = carry_cancel(std::move(where), pid, std::move(key), std::move(answer));
            spawn(with_.on->context(), "router.cancel", std::move(work));
        }
    );
}

task<void> server_logins::carry_cancel(
    std::shared_ptr<const relay::server_address> where,
    wire::server_pid pid,
    wire::server_key key,
    relay::cancel_promise answer
)
{
    const auto in = with_.on->current();
    const auto* server = in ? in->server_at(where->server_index) : nullptr;
    if (server == nullptr) co_return;  // the promise's end is the answer
    auto* tls = tls_need_of(server->sslmode) == tls_need::none ? nullptr : &tls_.context_of(*server);
    wire::message_writer writer;
    wire::write_cancel(writer, pid, key);
    try {
        auto work = deliver(with_.on->context(), *server, tls, *where, writer.view());
        co_await with_timeout(std::move(work), cancel_limit, "server_cancel");
    } catch (const error& late) {
        log::failure("server.cancel_late", late, {{"server", server->name}});
    }
    answer.done();
}

}  // namespace leasehold::router
