#pragma once

#include "transport/intrusive_list.hpp"

#include <leasehold/base/clock.hpp>

#include <array>
#include <chrono>
#include <cstdint>

namespace leasehold::router::relay {

class timer_wheel;

// One instant of its owner. Fires once; off the wheel while it does.
class timer
{
public:
    timer() noexcept = default;
    timer(const timer&) = delete;
    timer& operator=(const timer&) = delete;
    ~timer() { hook_.unlink(); }

    [[nodiscard]] bool is_armed() const noexcept { return hook_.is_linked(); }
    [[nodiscard]] boot_time due() const noexcept { return due_; }

private:
    friend class timer_wheel;
    list_hook hook_;
    boot_time due_;
    void (*call_)(void*) = nullptr;
    void* owner_ = nullptr;
};

// Timers in steps of 10 ms, three levels of 256 slots (46 hours; later ones are looked at again then). Arming
// and disarming take constant time and no memory. Owner and thread: its lane.
class timer_wheel
{
public:
    static constexpr std::chrono::milliseconds step{10};

    explicit timer_wheel(boot_time start) noexcept : start_(start) {}

    // Never fires before `due`. `Call` is a member function of T without arguments.
    template <auto Call, class T>
    void arm(timer& one, boot_time due, T& owner) noexcept
    {
        one.call_ = [](void* to) { (static_cast<T*>(to)->*Call)(); };
        one.owner_ = &owner;
        one.due_ = due;
        place(one, tick_ + 1);
    }
    static void disarm(timer& one) noexcept { one.hook_.unlink(); }

    // Fires what is due.
    void advance(boot_time now) noexcept;
    // When advance() has something to do, at the latest; max when no timer is armed near. May be early.
    [[nodiscard]] boot_time next_due() const noexcept;

private:
    using slot = intrusive_list<timer>;
    static constexpr std::uint64_t slots = 256;

    void place(timer& one, std::uint64_t earliest) noexcept;
    void turn_slot(slot& from) noexcept;
    [[nodiscard]] std::uint64_t tick_of(boot_time at) const noexcept;

    boot_time start_;
    std::uint64_t tick_ = 0;  // all before and with it have fired
    std::array<std::array<slot, slots>, 3> levels_;
    std::array<std::uint64_t, slots / 64> may_hold_{};  // of level 0: a clear bit is an empty slot
};

}  // namespace leasehold::router::relay
