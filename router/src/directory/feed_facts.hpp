#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/license.hpp>

#include <atomic>

namespace leasehold::router {

// What others may know of the feed without asking it. Written by the feed's lane, read by any.
struct feed_facts
{
    std::atomic<boot_clock::rep> last_contact{0};  // boot_time ticks; 0: never
    std::atomic<bool> is_loaded{false};
    std::atomic<bool> is_foreign{false};  // the registry answers with another installation id
    std::atomic<license_state> license{license_state::ok};
    std::atomic<std::int64_t> licensed_hosts{-1};  // -1: not counted
    std::atomic<std::size_t> gaps{0};

    [[nodiscard]] std::chrono::nanoseconds age(boot_time now) const noexcept
    {
        return now.time_since_epoch() - boot_clock::duration(last_contact.load(std::memory_order_relaxed));
    }
    [[nodiscard]] bool is_stale(boot_time now) const noexcept { return age(now) > std::chrono::seconds(5); }
};

}  // namespace leasehold::router
