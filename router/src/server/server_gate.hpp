#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <list>

namespace leasehold::router {

// Logins at one server: at most 8 at a time, in the order they came; after failures they wait (100 ms to 5 s,
// full jitter); 5 failures in 10 s open the breaker: everybody is refused but one probe a second. Owner and
// thread: one lane.
class server_gate
{
public:
    static constexpr std::size_t at_once = 8;

    explicit server_gate(asio::io_context& on) : on_(on) {}

    // False: the breaker is open. True: leave() follows, once.
    task<bool> enter();
    void leave() noexcept;

    void has_failed(boot_time now);
    void has_succeeded() noexcept;
    [[nodiscard]] bool is_open(boot_time now) const noexcept;

    // How long to wait before the next try after so many failures in a row; `chance` in [0, 1).
    static std::chrono::milliseconds back_off(std::size_t failures, double chance) noexcept;

private:
    asio::io_context& on_;
    std::size_t inside_ = 0;
    std::list<asio::steady_timer*> waiting_;
    std::deque<boot_time> failed_;  // within the last 10 s
    std::size_t in_a_row_ = 0;
    boot_time last_probe_{};
};

}  // namespace leasehold::router
