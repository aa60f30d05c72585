#include "server/server_login.hpp"

#include "front/listener_tls.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/crypto.hpp>
#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>

namespace leasehold::router {
namespace {

constexpr std::uint32_t message_max = 1U << 20U;  // of a login and its check: no user's data

void set_options(int descriptor)
{
    const int yes = 1;
    const int idle = 30;
    const unsigned unanswered = 10'000;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
}

}  // namespace

task<std::string_view> server_identity::salted(worker_pool& on, const std::string& salt, int iterations)
{
    if (salted_.empty() || salt_ != salt || iterations_ != iterations) {
        const auto made =
            co_await on.run([&] { return crypto::pbkdf2_sha256(password_->reveal(), salt, iterations); });
        salted_ = secret<std::string>(crypto::view(made));
        salt_ = salt;
        iterations_ = iterations;
    }
    co_return salted_.reveal();
}

task<void>
server_login::connect(const server_record& server, server_tls& tls, std::chrono::milliseconds limit)
{
    auto* context = tls_need_of(server.sslmode) == tls_need::none ? nullptr : &tls.context_of(server);
    for (const auto& text : server.addresses) {
        const auto at = address::parse(text);
        if (!at || at->is_unix()) continue;
        const auto port = std::to_string(at->port);
        auto attempt = try_address(at->host, port, server);
        bool is_there = false;
        try {
            const bool is_connected = co_await with_timeout(std::move(attempt), limit, "server_connect");
            is_there = is_connected;
        } catch (const error& late) {
            failure_ = late.what();
        }
        if (!is_there) continue;
        address_->host = at->host;
        co_await begin_tls(server, context);
        co_return;
    }
    throw server_away(server.name + ": " + failure_);
}

task<bool>
server_login::try_address(const std::string& host, const std::string& port, const server_record& server)
{
    asio::ip::tcp::resolver resolver(on_);
    boost::system::error_code failed;
    const auto found =
        co_await resolver.async_resolve(host, port, asio::redirect_error(asio::use_awaitable, failed));
    failure_ = failed.message();
    for (const auto& one : found) {
        const auto to = one.endpoint();
        const int made = ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (made < 0) co_return false;
        set_options(made);
        socket_ = std::make_unique<peer_socket>(on_, made);
        address_ = std::make_shared<relay::server_address>();
        std::memcpy(&address_->peer, to.data(), to.size());
        address_->peer_size = static_cast<socklen_t>(to.size());
        address_->server_index = server.index;
        if (::connect(made, to.data(), static_cast<socklen_t>(to.size())) == 0) co_return true;
        if (errno == EINPROGRESS) {
            const bool is_there = co_await socket_->finish_connect();
            if (is_there) co_return true;
        }
        failure_ = std::system_category().message(errno);
    }
    co_return false;
}

task<void> server_login::begin_tls(const server_record& server, SSL_CTX* context)
{
    const auto need = tls_need_of(server.sslmode);
    if (need == tls_need::none) co_return;
    writer_.ssl_request();
    co_await send();
    std::string answer;
    const bool is_answered = co_await socket_->read_more(answer, 1);  // one byte and no more: R4
    if (!is_answered) throw server_away(server.name + ": no answer to SSLRequest");
    if (answer == "S") {
        const auto host = server_tls::checks_name(server) ? address_->host : std::string();
        const bool is_done = co_await socket_->connect_tls(*context, host);
        if (!is_done)
            throw server_away(
                server.name + ": the TLS handshake failed or the certificate is not the server's"
            );
    } else if (need == tls_need::required) {
        throw server_away(server.name + ": it does not speak TLS");
    }
}

task<void> server_login::send()
{
    const bool is_sent = co_await socket_->write_all(writer_.view());
    writer_.wipe();
    if (!is_sent) throw server_away("the server closed the connection");
}

task<server_login::message> server_login::read()
{
    for (;;) {
        const auto frame = wire::scan_message(incoming_, message_max);
        if (frame.is_refused()) throw server_away("the server breaks the protocol");
        if (frame.is_complete()) {
            message found;
            found.type = frame.type;
            found.body = frame.body;
            incoming_.erase(0, frame.size());
            co_return found;
        }
        const bool is_more = co_await socket_->read_more(incoming_, 8192);
        if (!is_more) throw server_away("the server closed the connection");
    }
}

void server_login::refuse(const message& from)
{
    const wire::error_fields fields(from.body);
    throw server_refused(fields.sqlstate(), fields.message(), fields.routine());
}

task<void> server_login::authenticate(const session_request& what, server_identity& who)
{
    const auto options = "-c statement_timeout=0 -c lock_timeout=0 -c search_path=" + what.search_path;
    const std::array<wire::startup_pair, 4> pairs{{
        {"user", who.user()},
        {"database", what.database},
        {"application_name", what.application_name},
        {"options", options},
    }};
    writer_.startup(wire::protocol_3_0, pairs);
    co_await send();
    for (;;) {
        const auto came = co_await read();
        switch (came.type) {
        case 'E':
            refuse(came);
        case 'R':
            co_await answer(came, what, who);
            break;
        case 'K': {
            wire::body_reader reader(came.body);
            pid_.value = reader.uint32();
            key_ = wire::server_key::parse(reader.remaining());
            break;
        }
        case 'S': {
            wire::body_reader reader(came.body);
            const auto name = reader.text();
            parameters_->emplace_back(name, reader.text());
            break;
        }
        case 'Z':
            co_return;
        case 'N':
            break;
        default:
            throw server_away("the server breaks the protocol");
        }
    }
}

task<void> server_login::answer(const message& request, const session_request& what, server_identity& who)
{
    static_cast<void>(what);
    wire::body_reader reader(request.body);
    const auto kind = reader.int32();
    if (kind == 0) co_return;  // trust, peer, or done
    if (kind != 10) throw server_away("the server asks for a password as clear text or md5");
    co_await prove(reader.remaining(), who);
}

task<void> server_login::prove(std::string_view mechanisms, server_identity& who)
{
    auto binding = has_tls() ? peer_channel_binding(socket_->tls()) : std::string();
    wire::scram_client exchange(std::move(binding));
    if (!exchange.choose(mechanisms)) throw server_away("the server offers no SCRAM-SHA-256");
    auto step = exchange.begin();
    writer_.sasl_initial_response(exchange.mechanism(), step.out);
    co_await send();

    const auto first = co_await read();
    if (first.type == 'E') refuse(first);
    wire::body_reader challenge(first.body);
    if (first.type != 'R' || challenge.int32() != 11) throw server_away("the server breaks the protocol");
    step = exchange.read_challenge(challenge.remaining());
    if (step.state == wire::scram_state::failed)
        throw server_away("the server's SCRAM challenge is not acceptable");
    const auto salted = co_await who.salted(hashing_, exchange.salt(), exchange.iterations());
    step = exchange.respond(salted);
    writer_.sasl_response(step.out);
    co_await send();

    const auto second = co_await read();
    if (second.type == 'E') refuse(second);
    wire::body_reader last(second.body);
    if (second.type != 'R' || last.int32() != 12) throw server_away("the server breaks the protocol");
    step = exchange.verify(last.remaining());
    if (step.state != wire::scram_state::done)
        throw server_away("the server does not know the password's verifier");
}

task<text_row> server_login::ask(std::string_view sql, const std::vector<std::string>& values)
{
    std::vector<std::optional<std::string_view>> bound(values.begin(), values.end());
    writer_.parse("", sql).bind("", "", bound).execute("").sync();
    co_await send();
    std::optional<text_row> found;
    std::optional<message> failed;
    for (;;) {
        auto came = co_await read();
        if (came.type == 'Z') break;
        if (came.type == 'E') failed = std::move(came);
        if (came.type != 'D') continue;
        found.emplace();
        wire::data_row_reader reader(came.body);
        while (const auto value = reader.next()) {
            if (value->is_null) {
                found->emplace_back();
            } else {
                found->emplace_back(std::string(value->bytes));
            }
        }
    }
    if (failed) refuse(*failed);
    if (!found) throw server_away("no row");
    co_return std::move(*found);
}

relay::verified_server server_login::release()
{
    relay::verified_server made;
    made.pid = pid_;
    made.key = std::move(key_);
    made.parameters = std::move(parameters_);
    made.address = std::move(address_);
    made.socket = socket_->release();
    return made;
}

}  // namespace leasehold::router
