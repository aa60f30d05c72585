#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold {

// Seconds of a machine that was asleep count: CLOCK_BOOTTIME. All lease timing uses it.
struct boot_clock
{
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<boot_clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};

using wall_time = std::chrono::system_clock::time_point;
using boot_time = boot_clock::time_point;

// What the time is. Injected wherever a decision depends on it, so that tests can drive it
// (tests/support/fake_clock.hpp). Any thread.
class clock_source
{
public:
    virtual ~clock_source() = default;
    [[nodiscard]] virtual wall_time wall() const noexcept = 0;
    [[nodiscard]] virtual boot_time boot() const noexcept = 0;
};

const clock_source& real_clock() noexcept;

// RFC 3339 in UTC with milliseconds, "2026-11-03T09:15:00.250Z"; parse takes any offset and fraction.
std::string to_rfc3339(wall_time at);
std::optional<wall_time> parse_rfc3339(std::string_view text) noexcept;

}  // namespace leasehold
