#pragma once

#include "relay/refusal.hpp"
#include "relay/timer_wheel.hpp"
#include "transport/intrusive_list.hpp"

#include <leasehold/base/clock.hpp>

#include <string_view>

namespace leasehold::router::relay {

class pool;
class server_connection;

// Who may have a server connection of a pool: a client's session, or a call of our own. Lane only.
class borrower
{
public:
    // A server connection is yours, by turn of the queue.
    virtual void on_lent(server_connection& server) noexcept = 0;
    // You left the queue without one.
    virtual void on_refused(const refusal& why) noexcept = 0;
    // Bytes of replies meant for you. False: your side is full; call resume() of the server connection later.
    virtual bool on_reply(std::string_view bytes) noexcept = 0;
    // A ReadyForQuery of yours was passed on.
    virtual void on_ready(char status) noexcept = 0;
    // What send() of the server connection had left over has gone out.
    virtual void on_server_writable() noexcept = 0;
    // Your settings are in place; or the server refused them.
    virtual void
    on_settings(bool is_applied, std::string_view sqlstate, std::string_view message) noexcept = 0;
    // The server connection is no longer yours. `is_told`: its own FATAL was passed on already.
    virtual void on_server_gone(const refusal& why, bool is_told) noexcept = 0;

    // The lease of the server connection will end soon, and nothing has renewed it.
    virtual void on_lease_ending() noexcept = 0;

    [[nodiscard]] bool is_waiting() const noexcept { return waiting.is_linked(); }
    void wait_is_over() noexcept;  // by its timer

    // The queue of its pool.
    list_hook waiting;
    pool* waits_for = nullptr;
    boot_time waits_since;
    timer wait_limit;

protected:
    ~borrower() = default;
};

}  // namespace leasehold::router::relay
