#pragma once

#include "transport/connected_socket.hpp"

#include <leasehold/base/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace leasehold::router {

// What a transport calls, on its own thread, inside turn(). Each may call any function of the transport,
// remove() of its own handle included. None may throw.
class endpoint
{
public:
    // At most 16 KiB, in the transport's own buffer: valid during the call only, and all of it is taken.
    virtual void on_bytes(std::string_view bytes) noexcept = 0;
    // End of stream or a socket error; nothing is called for this handle again. The endpoint calls remove().
    virtual void on_closed() noexcept = 0;
    // What send() had left over has gone out, after a send() that answered false.
    virtual void on_writable() noexcept = 0;

protected:
    ~endpoint() = default;
};

// Reading of one socket.
enum class reading : std::uint8_t
{
    on,        // bytes are delivered
    end_only,  // nothing is read, but on_closed tells when the peer is gone
    off,       // nothing is read or told
};

// The sockets of one relay lane. Owner and thread: that lane; only wake() may be called from elsewhere.
// Implementations: epoll (epoll_transport.hpp). io_uring takes its place behind the same interface.
class transport
{
public:
    struct handle
    {
        std::uint32_t index = 0;
        std::uint32_t generation = 0;  // 0: none
        explicit operator bool() const noexcept { return generation != 0; }
    };

    virtual ~transport() = default;

    // Takes the socket and begins to read. One read turn is forced: a TLS session may already hold bytes.
    // Empty when the kernel has no room for it (the socket is closed then).
    virtual std::optional<handle> add(connected_socket socket, endpoint& to) noexcept = 0;
    virtual void set_reading(handle h, reading how) noexcept = 0;
    // Gathers; what is gathered goes out in one call at the end of the turn, or at once when it is much.
    // Everything is taken, always. False: more than `high_water` bytes wait, so stop producing until
    // on_writable().
    virtual bool send(handle h, std::span<const std::string_view> parts) noexcept = 0;
    bool send(handle h, std::string_view bytes) noexcept { return send(h, {&bytes, 1}); }
    [[nodiscard]] virtual std::size_t pending(handle h) const noexcept = 0;
    // Waits until `deadline` at most, delivers what came, flushes what was gathered.
    virtual void turn(boot_time deadline) noexcept = 0;
    // The clock, read when the present (or last) turn() had waited.
    [[nodiscard]] virtual boot_time now() const noexcept = 0;
    // Closes at once; what was not flushed is lost.
    virtual void remove(handle h) noexcept = 0;
    // Lets what was sent go out (at once or not at all when not patient, else within 5 s), then closes. The
    // endpoint is not called again.
    enum class patience : std::uint8_t
    {
        some,
        none
    };
    virtual void finish(handle h, patience how) noexcept = 0;
    // Ends the present or the next turn() early. Any thread.
    virtual void wake() noexcept = 0;

    static constexpr std::size_t high_water = std::size_t{64} * 1024;
    static constexpr std::size_t bytes_per_turn = std::size_t{64} * 1024;
};

class buffer_pool;
std::unique_ptr<transport> make_epoll_transport(buffer_pool& buffers, const clock_source& clock);

}  // namespace leasehold::router
