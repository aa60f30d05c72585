#pragma once

#include <leasehold/base/task.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace leasehold::http {

using boost::system::error_code;
using stream_socket = asio::generic::stream_protocol::socket;
using deadline = std::chrono::steady_clock::time_point;

// One connection as bytes, plain or TLS, with a deadline over whatever is awaited on it: when it passes the
// socket is closed and the wait ends with a time-out. One reader, one writer. Owner and thread: the lane of
// the socket.
class byte_stream
{
public:
    virtual ~byte_stream() = default;

    // 0 bytes with asio::error::eof at the orderly end; ssl::error::stream_truncated where TLS ended without
    // a word.
    virtual task<std::size_t> read_some(asio::mutable_buffer into, error_code& failed) = 0;
    virtual task<void> write(asio::const_buffer all, error_code& failed) = 0;
    // Tells the peer that nothing follows (TLS: close_notify), without closing.
    virtual task<void> finish_sending() = 0;

    virtual void expires_at(deadline when) = 0;
    virtual void close() noexcept = 0;
    // Bytes that the kernel has taken on the socket itself, so TLS records included.
    [[nodiscard]] virtual std::uint64_t bytes_taken() const noexcept = 0;
    [[nodiscard]] virtual bool is_tls() const noexcept { return false; }
    // SNI that the peer has sent; empty: none, or no TLS.
    [[nodiscard]] virtual std::string server_name() { return {}; }
    // True where an idle connection has something to read: its end, or bytes that answer nothing.
    [[nodiscard]] virtual bool is_readable() noexcept = 0;
};

bool is_timeout(const error_code& failed) noexcept;

std::unique_ptr<byte_stream> make_plain_stream(stream_socket socket);

// Shakes hands as a client: SNI (for names, not addresses), chain and host name are checked. `failed` says
// what did not hold; a certificate's reason is in `reason`.
task<std::unique_ptr<byte_stream>> make_tls_client_stream(
    stream_socket socket,
    std::shared_ptr<asio::ssl::context> context,
    std::string host,
    deadline limit,
    error_code& failed,
    std::string& reason
);

// A connection of which nothing is known yet. close() works until what was taken is destroyed.
class accepted_stream
{
public:
    virtual ~accepted_stream() = default;
    // The first bytes of the peer, at least one unless `failed`. They stay: both takers below deliver them.
    virtual task<std::string_view> first_bytes(deadline limit, error_code& failed) = 0;
    virtual std::unique_ptr<byte_stream> take_plain() = 0;
    virtual task<std::unique_ptr<byte_stream>>
    take_tls(std::shared_ptr<asio::ssl::context> context, deadline limit, error_code& failed) = 0;
    virtual void close() noexcept = 0;
};
std::unique_ptr<accepted_stream> make_accepted_stream(stream_socket socket);

}  // namespace leasehold::http
