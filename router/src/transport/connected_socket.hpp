#pragma once

#include <memory>
#include <utility>

using SSL = struct ssl_st;

namespace leasehold::router {

struct tls_free
{
    void operator()(SSL* session) const noexcept;
};
using tls_session = std::unique_ptr<SSL, tls_free>;

// A connected, non-blocking descriptor and, where it is encrypted, the TLS session made on it with SSL_set_fd
// (handshake done, read-ahead off). Owns both: whoever holds it last closes it. This is what travels between
// lanes.
class connected_socket
{
public:
    connected_socket() noexcept = default;
    explicit connected_socket(int descriptor, tls_session tls = nullptr) noexcept
        : descriptor_(descriptor)
        , tls_(std::move(tls))
    {}
    connected_socket(connected_socket&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1))
        , tls_(std::move(other.tls_))
    {}
    connected_socket& operator=(connected_socket&& other) noexcept;
    connected_socket(const connected_socket&) = delete;
    connected_socket& operator=(const connected_socket&) = delete;
    ~connected_socket() { close(); }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] SSL* tls() const noexcept { return tls_.get(); }
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    void close() noexcept;  // close_notify is sent if it can be sent at once

private:
    int descriptor_ = -1;
    tls_session tls_;
};

}  // namespace leasehold::router
