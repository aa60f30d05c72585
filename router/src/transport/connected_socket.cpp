#include "transport/connected_socket.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <unistd.h>

namespace leasehold::router {

void tls_free::operator()(SSL* session) const noexcept
{
    SSL_free(session);
}

connected_socket& connected_socket::operator=(connected_socket&& other) noexcept
{
    if (this != &other) {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
        tls_ = std::move(other.tls_);
    }
    return *this;
}

void connected_socket::close() noexcept
{
    if (tls_) {
        ERR_clear_error();
        SSL_shutdown(tls_.get());  // once, without waiting for the answer
        ERR_clear_error();
        tls_.reset();
    }
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace leasehold::router
