#pragma once

#include "front/login_room.hpp"

#include <leasehold/base/clock.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

namespace leasehold::router {

// Counts failed logins per (tenant or "", peer group) and per peer group over a minute. Above 10 and 60 a
// failing answer waits; a right answer is never delayed, so one bad client behind a NAT slows nobody else.
// Where they come from everywhere, the oldest windows are forgotten before their minute is over. Owner and
// thread: one front lane.
class failed_logins
{
public:
    static constexpr std::size_t per_tenant = 10;
    static constexpr std::size_t per_group = 60;
    static constexpr std::size_t waiting_max = 500;
    static constexpr std::size_t windows_max = 10'000;

    // Counts one; true: its answer must wait.
    bool note(const std::string& tid, const peer_group& from, boot_time now);
    // A place among those that wait; false: all are taken (login_throttled at once).
    bool begin_wait() noexcept { return waiting_ < waiting_max && ++waiting_ > 0; }
    void end_wait() noexcept { --waiting_; }
    [[nodiscard]] std::size_t windows() const noexcept { return windows_.size(); }

private:
    struct window
    {
        boot_time since;
        std::size_t count = 0;
    };
    using window_key = std::pair<std::string, peer_group>;
    std::size_t count(const window_key& key, boot_time now);
    void forget_oldest();

    std::map<window_key, window> windows_;
    std::deque<std::map<window_key, window>::iterator> by_age_;  // oldest first
    std::size_t waiting_ = 0;
};

}  // namespace leasehold::router
