#pragma once

#include <leasehold/base/clock.hpp>

#include <atomic>
#include <chrono>

namespace leasehold::test {

// A clock that stands still until it is told. Both times move together. Any thread.
class fake_clock final : public clock_source
{
public:
    explicit fake_clock(wall_time start = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1))
        : start_(start)
    {}

    [[nodiscard]] wall_time wall() const noexcept override
    {
        return start_ + std::chrono::duration_cast<wall_time::duration>(passed());
    }
    [[nodiscard]] boot_time boot() const noexcept override
    {
        return boot_time(std::chrono::hours(1)) + passed();
    }

    void advance(std::chrono::nanoseconds by) noexcept { passed_ += by.count(); }
    // Never backwards.
    void advance_to(wall_time at) noexcept { advance(at - wall()); }

private:
    [[nodiscard]] std::chrono::nanoseconds passed() const noexcept
    {
        return std::chrono::nanoseconds(passed_.load());
    }

    wall_time start_;
    std::atomic<std::int64_t> passed_{0};
};

}  // namespace leasehold::test
