#include "relay/lane_set.hpp"

#include <leasehold/router/wire/cancel_key.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace leasehold::router::relay {

lane_set::lane_set(std::uint8_t count, lane_settings of_each, server_source& source, cancel_sender& cancels)
    : router_number_(of_each.router_number)
{
    const auto most = std::clamp<std::uint8_t>(count, 1, wire::client_pid::lane_max + 1);
    for (std::uint8_t index = 0; index < most; ++index) {
        of_each.index = index;
        lanes_.push_back(std::make_unique<lane>(of_each, source, cancels));
    }
}

lane& lane_set::lane_of(const tenant_id& tenant) noexcept
{
    return *lanes_[std::hash<tenant_id>{}(tenant) % lanes_.size()];
}

void lane_set::cancel(std::uint32_t pid, std::string key)
{
    const auto whose = wire::client_pid::parse(pid);
    if (!whose || whose->router() != router_number_ || whose->lane() >= lanes_.size()) return;
    lanes_[whose->lane()]->cancel(pid, std::move(key));
}

void lane_set::kill(kill_order order)
{
    struct sum
    {
        std::mutex mutex;
        kill_counts counts;
        std::size_t left = 0;
        std::function<void(kill_counts)> done;
    };
    auto all = std::make_shared<sum>();
    all->left = lanes_.size();
    all->done = std::move(order.done);
    for (const auto& one : lanes_) {
        kill_order part{order.target, order.why, {}};
        part.done = [all](kill_counts counts) {
            std::unique_lock hold(all->mutex);
            all->counts += counts;
            if (--all->left > 0) return;
            hold.unlock();
            if (all->done) all->done(all->counts);
        };
        one->kill(std::move(part));
    }
}

void lane_set::limit_right(principal who, boot_time ends_at)
{
    for (const auto& one : lanes_) one->limit_right(who, ends_at);
}

void lane_set::lease_renewed(lease_number which, boot_time ends_at)
{
    for (const auto& one : lanes_) one->lease_renewed(which, ends_at);
}

void lane_set::lease_ending(lease_number which, boot_time by)
{
    for (const auto& one : lanes_) one->lease_ending(which, by);
}

void lane_set::lease_last_call(lease_number which)
{
    for (const auto& one : lanes_) one->lease_last_call(which);
}

void lane_set::lease_ended(lease_number which)
{
    for (const auto& one : lanes_) one->lease_ended(which);
}

void lane_set::relimit(const limits_lookup& limits_of, std::uint32_t max_sessions)
{
    for (const auto& one : lanes_) one->relimit(limits_of, max_sessions);
}

void lane_set::drain(std::chrono::milliseconds limit, std::function<void()> done)
{
    auto left = std::make_shared<std::atomic<std::size_t>>(lanes_.size());
    for (const auto& one : lanes_) {
        one->drain(limit, [left, done] {
            if (--*left == 0 && done) done();
        });
    }
}

void lane_set::stop()
{
    for (const auto& one : lanes_) one->stop();
}

}  // namespace leasehold::router::relay
