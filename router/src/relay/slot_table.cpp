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
        tenant_ = other.tenant_;
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
    of_->give_back(number_, tenant_);
    of_.reset();
}

slot_table::slot_table(std::uint8_t router_number, std::uint8_t lane, std::uint32_t capacity)
    : router_number_(router_number)
    , lane_(lane)
{
    set_capacity(capacity);
}

void slot_table::set_capacity(std::uint32_t capacity)
{
    const std::lock_guard hold(mutex_);
    capacity_ = std::min(capacity, wire::client_pid::slot_max);
    free_.reserve(capacity_);  // give_back() must not allocate
}

std::variant<session_slot, refusal> slot_table::reserve(const std::optional<client_share>& within)
{
    const std::lock_guard hold(mutex_);
    if (taken() >= capacity_) return refusals::client_limit;
    std::optional<tenant_id> counted;
    if (within) {
        auto& count = of_tenants_[within->tenant];
        if (within->most != 0 && count >= within->most) return refusals::tenant_client_limit;
        ++count;
        counted = within->tenant;
    }
    auto slot = fresh_;
    if (free_.empty()) {
        ++fresh_;
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    return session_slot(shared_from_this(), slot, counted);
}

std::uint32_t slot_table::in_use() const
{
    const std::lock_guard hold(mutex_);
    return taken();
}

std::uint32_t slot_table::taken() const noexcept
{
    return fresh_ - 1 - static_cast<std::uint32_t>(free_.size());
}

std::uint32_t slot_table::pid_of(std::uint32_t slot) const noexcept
{
    const auto pid = wire::client_pid::make(router_number_, lane_, slot);
    return pid ? pid->value() : 0;
}

void slot_table::give_back(std::uint32_t slot, const std::optional<tenant_id>& tenant) noexcept
{
    const std::lock_guard hold(mutex_);
    free_.push_back(slot);
    if (!tenant) return;
    const auto count = of_tenants_.find(*tenant);
    if (--count->second == 0) of_tenants_.erase(count);
}

}  // namespace leasehold::router::relay
