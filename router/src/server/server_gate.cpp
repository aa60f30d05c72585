#include "server/server_gate.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <random>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t failures_to_open = 5;
constexpr auto window = 10s;
constexpr auto probe_interval = 1s;

double chance()
{
    thread_local std::minstd_rand source{std::random_device{}()};
    return std::uniform_real_distribution<double>(0.0, 1.0)(source);
}

}  // namespace

std::chrono::milliseconds server_gate::back_off(std::size_t failures, double chance) noexcept
{
    if (failures == 0) return 0ms;
    const auto most =
        std::min<std::int64_t>(5000, std::int64_t{100} << std::min<std::size_t>(failures - 1, 10));
    return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(most) * chance));
}

bool server_gate::is_open(boot_time now) const noexcept
{
    const auto recent =
        std::count_if(failed_.begin(), failed_.end(), [&](boot_time at) { return now - at < window; });
    return static_cast<std::size_t>(recent) >= failures_to_open;
}

void server_gate::has_failed(boot_time now)
{
    ++in_a_row_;
    failed_.push_back(now);
    while (failed_.size() > failures_to_open) failed_.pop_front();
}

void server_gate::has_succeeded() noexcept
{
    in_a_row_ = 0;
    failed_.clear();
}

task<bool> server_gate::enter()
{
    const auto now = boot_clock::now();
    if (is_open(now)) {
        if (now - last_probe_ < probe_interval) co_return false;
        last_probe_ = now;
    }
    if (inside_ >= at_once) {
        asio::steady_timer turn(on_, asio::steady_timer::time_point::max());
        const auto place = waiting_.insert(waiting_.end(), &turn);
        boost::system::error_code woken;
        co_await turn.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        // leave() has taken us from the list and kept its place for us.
        const bool is_mine = turn.expiry() == asio::steady_timer::time_point::min();
        if (!is_mine) waiting_.erase(place);
        if (!is_mine) co_return false;
    } else {
        ++inside_;
    }
    const auto pause = back_off(in_a_row_, chance());
    if (pause > 0ms) co_await sleep_for(pause);
    co_return true;
}

void server_gate::leave() noexcept
{
    if (waiting_.empty()) {
        --inside_;
        return;
    }
    auto* next = waiting_.front();
    waiting_.pop_front();
    next->expires_at(asio::steady_timer::time_point::min());  // wakes it: its place is ours
}

}  // namespace leasehold::router
