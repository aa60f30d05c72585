#include "relay/slot_table.hpp"

#include <leasehold/router/wire/cancel_key.hpp>

#include <algorithm>

namespace leasehold::router::relay {

session_slot& session_slot::operator=(session_slot&& other) noexcept
{
    if (this != &other) {
        release();
        of_ = std::move(other.of_);
        number_ = std::exchange(other.number_, 0);
    }
    return *this;
}

std::uint32_t session_slot::client_pid() const noexcept
{
    return of_ == nullptr ? 0 : of_->pid_of(number_);
}

void session_slot::release() noexcept
{
    if (of_ == nullptr) return;
    of_->give_back(number_);
    of_.reset();
}

slot_table::slot_table(std::uint8_t router_number, std::uint8_t lane, std::uint32_t capacity)
    : capacity_(std::min(capacity, wire::client_pid::slot_max))
    , router_number_(router_number)
    , lane_(lane)
{
    free_.reserve(capacity_);  // give_back() must not allocate
}

std::optional<session_slot> slot_table::reserve()
{
    const std::lock_guard hold(mutex_);
    if (!free_.empty()) {
        const auto slot = free_.back();
        free_.pop_back();
        return session_slot(shared_from_this(), slot);
    }
    if (fresh_ > capacity_) return std::nullopt;
    return session_slot(shared_from_this(), fresh_++);
}

std::uint32_t slot_table::in_use() const
{
    const std::lock_guard hold(mutex_);
    return fresh_ - 1 - static_cast<std::uint32_t>(free_.size());
}

std::uint32_t slot_table::pid_of(std::uint32_t slot) const noexcept
{
    const auto pid = wire::client_pid::make(router_number_, lane_, slot);
    return pid ? pid->value() : 0;
}

void slot_table::give_back(std::uint32_t slot) noexcept
{
    const std::lock_guard hold(mutex_);
    free_.push_back(slot);
}

}  // namespace leasehold::router::relay
