#include "front/peer_socket.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <sys/socket.h>

namespace leasehold::router {

peer_socket::peer_socket(asio::io_context& on, int descriptor) : descriptor_(on, descriptor) {}

task<bool> peer_socket::wait_for(bool writing)
{
    boost::system::error_code failed;
    const auto what =
        writing ? asio::posix::descriptor_base::wait_write : asio::posix::descriptor_base::wait_read;
    co_await descriptor_.async_wait(what, asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
}

task<bool> peer_socket::wait_after(int ssl_result)
{
    const int wants = SSL_get_error(tls_.get(), ssl_result);
    if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) co_return false;
    co_return co_await wait_for(wants == SSL_ERROR_WANT_WRITE);
}

task<int> peer_socket::peek()
{
    for (;;) {
        char first = 0;
        const auto got = ::recv(descriptor_.native_handle(), &first, 1, MSG_PEEK);
        if (got == 1) co_return static_cast<int>(static_cast<unsigned char>(first)) + 1;
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return 0;
        const bool is_ready = co_await wait_for(false);
        if (!is_ready) co_return 0;
    }
}

task<std::size_t> peer_socket::read_some(char* into, std::size_t size)
{
    for (;;) {
        if (tls_) {
            ERR_clear_error();
            const int got = SSL_read(tls_.get(), into, static_cast<int>(size));
            if (got > 0) co_return static_cast<std::size_t>(got);
            const bool is_ready = co_await wait_after(got);
            if (!is_ready) co_return 0;
        } else {
            const auto got = ::recv(descriptor_.native_handle(), into, size, 0);
            if (got > 0) co_return static_cast<std::size_t>(got);
            if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return 0;
            const bool is_ready = co_await wait_for(false);
            if (!is_ready) co_return 0;
        }
    }
}

task<bool> peer_socket::read_more(std::string& into, std::size_t size)
{
    const auto had = into.size();
    into.resize(had + size);
    const auto got = co_await read_some(into.data() + had, size);
    into.resize(had + got);
    co_return got > 0;
}

task<bool> peer_socket::write_all(std::string_view bytes)
{
    while (!bytes.empty()) {
        if (tls_) {
            ERR_clear_error();
            const int put = SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
            if (put > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(put));
                continue;
            }
            const bool is_ready = co_await wait_after(put);
            if (!is_ready) co_return false;
        } else {
            const auto put = ::send(descriptor_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (put > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(put));
                continue;
            }
            if (errno != EAGAIN && errno != EINTR) co_return false;
            const bool is_ready = co_await wait_for(true);
            if (!is_ready) co_return false;
        }
    }
    co_return true;
}

task<bool> peer_socket::finish_connect()
{
    const bool is_ready = co_await wait_for(true);
    if (!is_ready) co_return false;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (::getsockopt(descriptor_.native_handle(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0) co_return false;
    errno = failed;
    co_return failed == 0;
}

bool peer_socket::set_session(SSL_CTX& with)
{
    tls_.reset(SSL_new(&with));
    return tls_ && SSL_set_fd(tls_.get(), descriptor_.native_handle()) == 1;
}

task<bool> peer_socket::accept_tls(SSL_CTX& with)
{
    if (!set_session(with)) co_return false;
    for (;;) {
        ERR_clear_error();
        const int done = SSL_accept(tls_.get());
        if (done == 1) co_return true;
        const bool is_ready = co_await wait_after(done);
        if (!is_ready) co_return false;
    }
}

task<bool> peer_socket::connect_tls(SSL_CTX& with, const std::string& host)
{
    if (!set_session(with)) co_return false;
    auto* verify = SSL_get0_param(tls_.get());
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1;
    if (!is_address) {
        SSL_set_hostflags(tls_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (SSL_set1_host(tls_.get(), host.c_str()) != 1) co_return false;
        // The macro of this name casts in C's way.
        SSL_ctrl(
            tls_.get(),
            SSL_CTRL_SET_TLSEXT_HOSTNAME,
            TLSEXT_NAMETYPE_host_name,
            const_cast<char*>(host.c_str())
        );
    }
    for (;;) {
        ERR_clear_error();
        const int done = SSL_connect(tls_.get());
        if (done == 1) co_return true;
        const bool is_ready = co_await wait_after(done);
        if (!is_ready) co_return false;
    }
}

void peer_socket::shut() noexcept
{
    if (descriptor_.is_open()) ::shutdown(descriptor_.native_handle(), SHUT_RDWR);
}

connected_socket peer_socket::release()
{
    const int descriptor = descriptor_.release();
    return connected_socket(descriptor, std::move(tls_));
}

}  // namespace leasehold::router
