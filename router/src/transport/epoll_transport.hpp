#pragma once

#include "transport/byte_queue.hpp"
#include "transport/intrusive_list.hpp"
#include "transport/transport.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace leasehold::router {

// Level-triggered epoll. EPOLLOUT is asked for only while a send would block; a TLS session is read and
// written on its descriptor with SSL_read and SSL_write, one 16 KiB record at most a call.
class epoll_transport final : public transport
{
public:
    epoll_transport(buffer_pool& buffers, const clock_source& clock);
    ~epoll_transport() override;
    epoll_transport(const epoll_transport&) = delete;
    epoll_transport& operator=(const epoll_transport&) = delete;

    std::optional<handle> add(connected_socket socket, endpoint& to) noexcept override;
    void set_reading(handle h, reading how) noexcept override;
    using transport::send;
    bool send(handle h, std::span<const std::string_view> parts) noexcept override;
    [[nodiscard]] std::size_t pending(handle h) const noexcept override;
    void turn(boot_time deadline) noexcept override;
    void remove(handle h) noexcept override;
    void finish(handle h, patience how) noexcept override;
    void wake() noexcept override;
    [[nodiscard]] boot_time now() const noexcept override { return now_; }

private:
    struct connection
    {
        connected_socket socket;
        endpoint* to = nullptr;  // null: free, or finishing
        byte_queue out;
        list_hook dirty;      // bytes to flush, or a failure to tell
        list_hook forced;     // to be read although epoll may be silent
        list_hook finishing;  // with finish_by
        boot_time finish_by;
        std::uint32_t index = 0;
        std::uint32_t generation = 1;
        std::uint32_t watched = 0;   // events epoll knows
        bool is_registered = false;  // with epoll
        bool is_open = false;
        bool has_failed = false;       // on_closed is due
        bool is_blocked = false;       // the last write took less than there is
        bool is_awaited = false;       // send() answered false: on_writable is due
        bool reads_for_write = false;  // TLS: SSL_read wants to write
        reading how = reading::on;
    };
    enum class io : std::uint8_t
    {
        done,
        blocked,
        failed
    };

    [[nodiscard]] connection* find(handle h) const noexcept;
    void watch(connection& c) noexcept;
    void deliver(connection& c, std::uint32_t events) noexcept;
    void read(connection& c) noexcept;
    long receive(connection& c) noexcept;  // > 0 bytes in input_, 0 end or error, -1 nothing there
    io write_out(connection& c, std::string_view direct, std::size_t& direct_taken) noexcept;
    void flush(connection& c) noexcept;
    void flush_dirty() noexcept;
    void fail(connection& c) noexcept;
    void tell_closed(connection& c) noexcept;
    void free_connection(connection& c) noexcept;
    void end_overdue() noexcept;
    void drain_input(connection& c) noexcept;
    int wait_milliseconds(boot_time deadline) const noexcept;

    static constexpr std::size_t direct_minimum = std::size_t{8} * 1024;

    buffer_pool& buffers_;
    const clock_source& clock_;
    boot_time now_;
    int epoll_ = -1;
    int event_ = -1;
    std::atomic<bool> is_signalled_{false};
    std::vector<std::unique_ptr<connection>> connections_;
    std::vector<std::uint32_t> free_;
    intrusive_list<connection> dirty_;
    intrusive_list<connection> forced_;
    intrusive_list<connection> finishing_;
    std::array<char, std::size_t{16} * 1024> input_{};
};

}  // namespace leasehold::router
