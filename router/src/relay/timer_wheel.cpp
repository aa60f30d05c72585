#include "relay/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace leasehold::router::relay {

std::uint64_t timer_wheel::tick_of(boot_time at) const noexcept
{
    if (at <= start_) return 0;
    if (at == boot_time::max()) return ~std::uint64_t{0} >> 1U;
    return static_cast<std::uint64_t>((at - start_) / step);
}

void timer_wheel::place(timer& one, std::uint64_t earliest) noexcept
{
    one.hook_.unlink();
    // One step later than its own, so that it never fires early.
    const auto wanted = std::max(tick_of(one.due_) + 1, earliest);
    const auto ahead = wanted - tick_;
    if (ahead < slots) {
        levels_[0][wanted % slots].push_back(one.hook_, one);
        may_hold_[wanted % slots / 64] |= std::uint64_t{1} << (wanted % 64);
    } else if (ahead < slots * slots) {
        levels_[1][wanted / slots % slots].push_back(one.hook_, one);
    } else {
        const auto far = std::min(wanted, tick_ + slots * slots * (slots - 1));
        levels_[2][far / slots / slots % slots].push_back(one.hook_, one);
    }
}

void timer_wheel::advance(boot_time now) noexcept
{
    const auto until = tick_of(now);
    while (tick_ < until) {
        ++tick_;
        if (tick_ % slots == 0) {
            if (tick_ / slots % slots == 0) turn_slot(levels_[2][tick_ / slots / slots % slots]);
            turn_slot(levels_[1][tick_ / slots % slots]);
        }
        auto& due = levels_[0][tick_ % slots];
        may_hold_[tick_ % slots / 64] &= ~(std::uint64_t{1} << (tick_ % 64));
        while (auto* const one = due.pop_front()) one->call_(one->owner_);
    }
}

// Its timers go to a finer level, or stay for another round.
void timer_wheel::turn_slot(slot& from) noexcept
{
    slot moved;
    while (auto* const one = from.pop_front()) moved.push_back(one->hook_, *one);
    while (auto* const one = moved.pop_front()) place(*one, tick_);  // this very tick is yet to fire
}

boot_time timer_wheel::next_due() const noexcept
{
    const auto rest = slots - tick_ % slots;  // then a coarser slot is dealt out
    for (std::uint64_t ahead = 1; ahead < rest;) {
        const auto at = (tick_ + ahead) % slots;
        const auto word = may_hold_[at / 64] >> (at % 64);
        if (word != 0) {
            const auto found = ahead + static_cast<std::uint64_t>(std::countr_zero(word));
            return start_ + step * static_cast<std::int64_t>(tick_ + std::min(found, rest));
        }
        ahead += 64 - at % 64;
    }
    return start_ + step * static_cast<std::int64_t>(tick_ + rest);
}

}  // namespace leasehold::router::relay
