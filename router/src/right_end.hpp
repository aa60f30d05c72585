#pragma once

#include <leasehold/base/clock.hpp>

#include <optional>

namespace leasehold::router {

// When a right ends that is written in wall time, on the clock that timers go by; absent: never.
inline boot_time to_boot_time(const std::optional<wall_time>& end, const clock_source& clock)
{
    if (!end) return boot_time::max();
    return boot_clock::now() + std::chrono::duration_cast<boot_clock::duration>(*end - clock.wall());
}

}  // namespace leasehold::router
