#pragma once

#include "transport/connected_socket.hpp"

#include <leasehold/base/task.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <string>
#include <string_view>

using SSL_CTX = struct ssl_ctx_st;

namespace leasehold::router {

// A socket on a front lane, before it goes to a relay lane. Asio gives readiness only; TLS works on the
// descriptor itself, so that descriptor and TLS session can be handed over whole. Nothing here throws for
// what a peer does: false and 0 mean that the connection is over (or that the caller's deadline has cancelled
// the wait). Owner and thread: one lane.
class peer_socket
{
public:
    // Takes a non-blocking descriptor.
    peer_socket(asio::io_context& on, int descriptor);

    [[nodiscard]] int descriptor() { return descriptor_.native_handle(); }
    [[nodiscard]] SSL* tls() const noexcept { return tls_.get(); }

    // The first byte that waits, without taking it. 0: over.
    task<int> peek();
    task<std::size_t> read_some(char* into, std::size_t size);
    // Appends what comes (at most `size` bytes) to `into`. False: over.
    task<bool> read_more(std::string& into, std::size_t size);
    task<bool> write_all(std::string_view bytes);  // `bytes` outlives the await
    // The answer to a non-blocking connect().
    task<bool> finish_connect();

    task<bool> accept_tls(SSL_CTX& with);
    // `host` is asked for by SNI when it is a name; the context says what must be verified.
    task<bool> connect_tls(SSL_CTX& with, const std::string& host);

    void shut() noexcept;  // ends both directions: pending waits return

    // Takes descriptor and TLS session out. The socket is empty afterwards.
    connected_socket release();

private:
    task<bool> wait_for(bool writing);
    task<bool> wait_after(int ssl_result);  // by what OpenSSL wants; false: over
    bool set_session(SSL_CTX& with);

    asio::posix::stream_descriptor descriptor_;
    tls_session tls_;
};

}  // namespace leasehold::router
