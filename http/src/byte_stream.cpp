#include "byte_stream.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>

#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <limits>
#include <sys/socket.h>
#include <utility>

namespace leasehold::http {
namespace {

namespace beast = boost::beast;
namespace ssl = asio::ssl;

// Beast tells a rate policy what the kernel took: exactly what "a byte was sent" has to rest on.
class counting_policy
{
    friend class beast::rate_policy_access;

    static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    std::size_t available_read_bytes() const noexcept { return all; }
    std::size_t available_write_bytes() const noexcept { return all; }
    void transfer_read_bytes(std::size_t) noexcept {}
    void transfer_write_bytes(std::size_t count) noexcept { taken_ += count; }
    void on_timer() noexcept {}

    std::uint64_t taken_ = 0;

public:
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
};

using socket_stream =
    beast::basic_stream<asio::generic::stream_protocol, asio::any_io_executor, counting_policy>;
using tls_layer = ssl::stream<socket_stream>;

bool has_input(stream_socket& socket) noexcept
{
    char byte = 0;
    const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || errno != EAGAIN;
}

class plain_stream final : public byte_stream
{
public:
    plain_stream(socket_stream socket, std::string first)
        : socket_(std::move(socket))
        , first_(std::move(first))
    {}

    task<std::size_t> read_some(asio::mutable_buffer into, error_code& failed) override
    {
        if (!first_.empty()) {
            const auto count = asio::buffer_copy(into, asio::buffer(first_));
            first_.erase(0, count);
            co_return count;
        }
        co_return co_await socket_.async_read_some(into, asio::redirect_error(asio::use_awaitable, failed));
    }

    task<void> write(asio::const_buffer all, error_code& failed) override
    {
        co_await asio::async_write(socket_, all, asio::redirect_error(asio::use_awaitable, failed));
    }

    task<void> finish_sending() override
    {
        error_code ignored;
        socket_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
        co_return;
    }

    void expires_at(deadline when) override { socket_.expires_at(when); }
    void close() noexcept override { socket_.close(); }
    [[nodiscard]] std::uint64_t bytes_taken() const noexcept override
    {
        return socket_.rate_policy().taken();
    }
    [[nodiscard]] bool is_readable() noexcept override
    {
        return !first_.empty() || has_input(socket_.socket());
    }

private:
    socket_stream socket_;
    std::string first_;
};

class tls_stream final : public byte_stream
{
public:
    tls_stream(socket_stream socket, std::shared_ptr<ssl::context> context)
        : context_(std::move(context))
        , layer_(std::move(socket), *context_)
    {}

    tls_layer& layer() noexcept { return layer_; }

    task<std::size_t> read_some(asio::mutable_buffer into, error_code& failed) override
    {
        co_return co_await layer_.async_read_some(into, asio::redirect_error(asio::use_awaitable, failed));
    }

    task<void> write(asio::const_buffer all, error_code& failed) override
    {
        co_await asio::async_write(layer_, all, asio::redirect_error(asio::use_awaitable, failed));
    }

    task<void> finish_sending() override
    {
        error_code ignored;  // a peer that never answers close_notify meets the deadline
        co_await layer_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    }

    void expires_at(deadline when) override { layer_.next_layer().expires_at(when); }
    void close() noexcept override { layer_.next_layer().close(); }
    [[nodiscard]] std::uint64_t bytes_taken() const noexcept override
    {
        return layer_.next_layer().rate_policy().taken();
    }
    [[nodiscard]] bool is_tls() const noexcept override { return true; }
    [[nodiscard]] std::string server_name() override
    {
        const char* name = SSL_get_servername(layer_.native_handle(), TLSEXT_NAMETYPE_host_name);
        return name != nullptr ? name : std::string();
    }
    [[nodiscard]] bool is_readable() noexcept override { return has_input(layer_.next_layer().socket()); }

private:
    std::shared_ptr<ssl::context> context_;  // a reload swaps the owner's, this connection keeps its own
    tls_layer layer_;
};

class accepted final : public accepted_stream
{
public:
    explicit accepted(stream_socket socket) : socket_(std::move(socket)) {}

    task<std::string_view> first_bytes(deadline limit, error_code& failed) override
    {
        std::array<char, 2048> some{};
        socket_.expires_at(limit);
        const auto count = co_await socket_.async_read_some(
            asio::buffer(some), asio::redirect_error(asio::use_awaitable, failed)
        );
        first_.assign(some.data(), count);
        co_return std::string_view(first_);
    }

    std::unique_ptr<byte_stream> take_plain() override
    {
        return std::make_unique<plain_stream>(std::move(socket_), std::move(first_));
    }

    task<std::unique_ptr<byte_stream>>
    take_tls(std::shared_ptr<ssl::context> context, deadline limit, error_code& failed) override
    {
        auto made = std::make_unique<tls_stream>(std::move(socket_), std::move(context));
        shaking_ = made.get();
        made->expires_at(limit);
        co_await made->layer().async_handshake(
            ssl::stream_base::server, asio::buffer(first_), asio::redirect_error(asio::use_awaitable, failed)
        );
        std::unique_ptr<byte_stream> done = std::move(made);
        co_return done;
    }

    void close() noexcept override
    {
        if (shaking_ != nullptr)
            shaking_->close();
        else
            socket_.close();
    }

private:
    socket_stream socket_;
    std::string first_;
    tls_stream* shaking_ = nullptr;  // what take_tls() made, for close() during its handshake
};

bool is_ip_address(const std::string& host)
{
    error_code failed;
    (void)asio::ip::make_address(host, failed);
    return !failed;
}

}  // namespace

bool is_timeout(const error_code& failed) noexcept
{
    return failed == beast::error::timeout;
}

std::unique_ptr<byte_stream> make_plain_stream(stream_socket socket)
{
    return std::make_unique<plain_stream>(socket_stream(std::move(socket)), std::string());
}

task<std::unique_ptr<byte_stream>> make_tls_client_stream(
    stream_socket socket,
    std::shared_ptr<ssl::context> context,
    std::string host,
    deadline limit,
    error_code& failed,
    std::string& reason
)
{
    auto made = std::make_unique<tls_stream>(socket_stream(std::move(socket)), std::move(context));
    auto& layer = made->layer();
    std::unique_ptr<byte_stream> done;
    if (!is_ip_address(host)) {
        // SSL_set_tlsext_host_name is a macro with an old-style cast.
        std::string name = host;
        const auto set = SSL_ctrl(
            layer.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()
        );
        if (set != 1) failed = asio::error::invalid_argument;
        if (failed) co_return done;
    }
    layer.set_verify_mode(ssl::verify_peer, failed);
    if (failed) co_return done;
    layer.set_verify_callback(ssl::host_name_verification(host), failed);
    if (failed) co_return done;

    made->expires_at(limit);
    co_await layer.async_handshake(
        ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, failed)
    );
    const long verdict = SSL_get_verify_result(layer.native_handle());
    if (verdict == X509_V_ERR_UNSPECIFIED) {  // what OpenSSL makes of the name check's refusal
        reason = "the certificate does not name " + host;
    } else if (verdict != X509_V_OK) {
        reason = X509_verify_cert_error_string(verdict);
    } else if (failed) {
        reason = failed.message();
    }
    done = std::move(made);
    co_return done;
}

std::unique_ptr<accepted_stream> make_accepted_stream(stream_socket socket)
{
    return std::make_unique<accepted>(std::move(socket));
}

}  // namespace leasehold::http
