#include "connector.hpp"

#include <leasehold/http/tls.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/ssl.h>

#include <utility>

namespace leasehold::http {
namespace {

namespace ssl = asio::ssl;
using asio::ip::tcp;

[[noreturn]] void refuse(exchange_failure what, const origin& where, std::string_view why)
{
    throw exchange_error(what, false, where.to_string() + ": " + std::string(why));
}

// Shared with the timer's handler, which may run after the wait it bounds has ended.
struct attempt
{
    explicit attempt(const asio::any_io_executor& on) : resolver(on), socket(on), timer(on) {}

    tcp::resolver resolver;
    tcp::socket socket;
    asio::steady_timer timer;
    bool is_late = false;
};

std::shared_ptr<attempt> begin_attempt(const asio::any_io_executor& on, deadline limit)
{
    auto made = std::make_shared<attempt>(on);
    made->timer.expires_at(limit);
    made->timer.async_wait([made](error_code failed) {
        if (failed) return;
        made->is_late = true;
        made->resolver.cancel();
        error_code ignored;
        made->socket.close(ignored);
    });
    return made;
}

task<tcp::resolver::results_type> resolve(attempt& now, const origin& where, error_code& failed)
{
    error_code not_literal;
    const auto literal = asio::ip::make_address(where.host, not_literal);
    if (!not_literal) {
        co_return tcp::resolver::results_type::create(tcp::endpoint(literal, where.port), where.host, "");
    }
    const std::string port = std::to_string(where.port);
    co_return co_await now.resolver.async_resolve(
        where.host, port, tcp::resolver::numeric_service, asio::redirect_error(asio::use_awaitable, failed)
    );
}

}  // namespace

std::shared_ptr<ssl::context> make_client_context(const std::string& ca_file)
{
    auto made = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(made->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(made->native_handle(), SSL_OP_CLEANSE_PLAINTEXT);
    error_code failed;
    if (ca_file.empty()) {
        made->set_default_verify_paths(failed);
    } else {
        made->load_verify_file(ca_file, failed);
    }
    if (failed) {
        throw exchange_error(
            exchange_failure::tls, false, "cannot use the CA file " + ca_file + ": " + failed.message()
        );
    }
    return made;
}

void check_ca(const path& file)
{
    try {
        if (!file.empty()) static_cast<void>(make_client_context(file.string()));
    } catch (const exchange_error& why) {
        throw error(error_kind::invalid, "tls_files_unusable", why.detail());
    }
}

task<std::unique_ptr<byte_stream>>
connect_to(const origin& where, std::shared_ptr<ssl::context> context, deadline limit)
{
    auto executor = co_await asio::this_coro::executor;
    auto now = begin_attempt(executor, limit);
    error_code failed;
    auto found = co_await resolve(*now, where, failed);
    if (!failed) {
        co_await asio::async_connect(now->socket, found, asio::redirect_error(asio::use_awaitable, failed));
    }
    now->timer.cancel();
    if (now->is_late) refuse(exchange_failure::unreachable, where, "no connection in time");
    if (failed) refuse(exchange_failure::unreachable, where, failed.message());
    now->socket.set_option(tcp::no_delay(true), failed);

    stream_socket socket(std::move(now->socket));
    if (!context) co_return make_plain_stream(std::move(socket));

    std::string reason;
    failed = {};
    auto stream = co_await make_tls_client_stream(
        std::move(socket), std::move(context), where.host, limit, failed, reason
    );
    if (is_timeout(failed)) refuse(exchange_failure::unreachable, where, "no TLS handshake in time");
    if (failed.category() == asio::error::get_ssl_category()) refuse(exchange_failure::tls, where, reason);
    if (failed)
        refuse(exchange_failure::unreachable, where, "ended in the TLS handshake: " + failed.message());
    co_return stream;
}

}  // namespace leasehold::http
