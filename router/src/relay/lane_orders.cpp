#include "relay/internal_session.hpp"
#include "relay/lane_core.hpp"
#include "relay/pool.hpp"
#include "relay/server_connection.hpp"
#include "relay/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

// What the rest of the router orders of a lane: ends of leases, kills, the drain.
namespace leasehold::router::relay {
namespace {

constexpr std::chrono::milliseconds kill_limit{900};
constexpr std::chrono::milliseconds drain_pace{20};
constexpr std::array roles{
    role_class::rw, role_class::ro, role_class::migrate, role_class::support, role_class::ddl};
constexpr std::array origins{origin::tenant, origin::platform};

}  // namespace

template <class Call>
void lane_core::for_pools_of(const tenant_id& tenant, Call&& call)
{
    for (const auto role : roles) {
        for (const auto from : origins) {
            if (auto* const one = find_pool({tenant, role, from}); one != nullptr) call(*one);
        }
    }
}

template <class Call>
void lane_core::for_pools_of(const lease_number& lease, Call&& call)
{
    for (const auto from : origins) {
        if (auto* const one = find_pool({lease.tenant, lease.role, from}); one != nullptr) call(*one);
    }
}

void lane_core::lease_renewed(const lease_number& which, boot_time ends_at)
{
    for_pools_of(which, [&](pool& one) { one.lease_renewed(which, ends_at); });
}

void lane_core::lease_ending(const lease_number& which, boot_time by)
{
    for_pools_of(which, [&](pool& one) { one.lease_ending(which, by); });
}

void lane_core::lease_last_call(const lease_number& which)
{
    for_pools_of(which, [&](pool& one) { one.lease_last_call(which); });
}

void lane_core::lease_ended(const lease_number& which)
{
    for_pools_of(which, [&](pool& one) { one.lease_ended(which); });
}

void lane_core::relimit(const limits_lookup& limits_of, std::uint32_t max_sessions)
{
    const auto room = max_sessions + std::size_t{1};
    if (sessions_.size() < room) sessions_.resize(room);  // never smaller: slots in use keep their place
    for (auto& [key, one] : pools_) {
        if (const auto now = limits_of(key.tenant); now) one->set_limits(*now);
    }
}

void lane_core::kill(kill_order order)
{
    auto made = std::make_unique<kill_record>();
    auto& record = *made;
    record.done = std::move(order.done);
    record.core = this;
    kills_.push_back(std::move(made));

    collecting_ = &record;  // cancel requests sent from here on are waited for
    if (const auto* const tenant = std::get_if<tenant_id>(&order.target)) {
        kill_tenant(*tenant, order.why, record.counts);
    } else if (const auto* const who = std::get_if<principal>(&order.target)) {
        kill_principal(*who, order.why, record.counts);
    } else {
        kill_lease(std::get<lease_number>(order.target), order.why, record.counts);
    }
    collecting_ = nullptr;
    record.is_collecting = false;
    if (record.cancels == 0) {
        end_kill(record);
    } else {
        wheel_.arm<&kill_record::over>(record.limit, now() + kill_limit, record);
    }
}

void lane_core::kill_tenant(const tenant_id& tenant, const refusal& why, kill_counts& into)
{
    for_pools_of(tenant, [&](pool& from) {
        from.sessions.for_each([&](session& one) {
            ++into.sessions;
            if (one.is_waiting()) ++into.waiters;
            if (one.server() != nullptr) ++into.servers;
            one.kill(why);
        });
        into.servers += from.cut_all(why);
    });
}

void lane_core::kill_principal(const principal& who, const refusal& why, kill_counts& into)
{
    const auto found = by_principal_.find(who);
    if (found == by_principal_.end()) return;
    auto& list = *found->second;
    for (auto left = list.size(); left > 0; --left) {  // the list dies with its last session
        auto& one = *list.front();
        ++into.sessions;
        if (one.is_waiting()) ++into.waiters;
        if (one.server() != nullptr) ++into.servers;
        one.kill(why);
    }
}

void lane_core::limit_right(const principal& who, boot_time ends_at)
{
    const auto found = by_principal_.find(who);
    if (found == by_principal_.end()) return;
    found->second->for_each([&](session& one) { one.limit_right(ends_at); });
}

void lane_core::kill_lease(const lease_number& which, const refusal& why, kill_counts& into)
{
    const auto before = counters_.sessions.get();
    for_pools_of(which, [&](pool& one) { into.servers += one.cut_lease(which, why); });
    into.sessions += before - counters_.sessions.get();
}

void lane_core::kill_record::over() noexcept
{
    core->end_kill(*this);
}

void lane_core::end_kill(kill_record& record)
{
    for (auto& [number, order] : cancel_orders_) {
        if (order.kill == &record) order.kill = nullptr;
    }
    timer_wheel::disarm(record.limit);
    const auto found =
        std::find_if(kills_.begin(), kills_.end(), [&](const auto& one) { return one.get() == &record; });
    const auto mine = std::move(*found);
    kills_.erase(found);
    if (mine->done) mine->done(mine->counts);
}

void lane_core::drain(std::chrono::milliseconds limit, std::function<void()> done)
{
    if (drain_) return;
    drain_ = std::make_unique<drain_state>();
    drain_->begun = now();
    drain_->half = now() + limit / 2;
    drain_->end = now() + limit;
    drain_->first_count = all_sessions_.size();
    drain_->done = std::move(done);
    drain_step();
}

// The one walk over all sessions, at the end of a router.
void lane_core::drain_step() noexcept
{
    auto& state = *drain_;
    const bool is_late = now() >= state.end;
    std::size_t due = state.first_count;
    if (now() < state.half) {
        const auto share =
            static_cast<double>((now() - state.begun).count()) /
            static_cast<double>(std::max<boot_clock::rep>((state.half - state.begun).count(), 1));
        due = static_cast<std::size_t>(share * static_cast<double>(state.first_count)) + 1;
    }
    all_sessions_.for_each([&](session& one) {
        if (is_late) {
            one.kill(refusals::router_draining);
        } else if (state.ended < due && one.is_between_transactions()) {
            ++state.ended;
            one.fail(refusals::router_draining);
        }
    });
    if (!all_sessions_.empty()) {
        wheel_.arm<&lane_core::drain_step>(state.step, now() + drain_pace, *this);
        return;
    }
    for (auto& [key, one] : pools_) one->close_idle();
    if (state.done) std::exchange(state.done, nullptr)();
}

}  // namespace leasehold::router::relay
