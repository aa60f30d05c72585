#pragma once

#include <leasehold/base/task.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <stdexcept>

namespace leasehold::test {

using namespace std::chrono_literals;

// Runs the lane until `done` says so; real time bounds it, the fake clock decides what happens.
inline void
run_until(asio::io_context& lane, const std::function<bool()>& done, std::chrono::seconds patience = 20s)
{
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the condition did not come true";
        lane.restart();
        lane.run_one_for(5ms);
    }
}

// Lets what is under way come to rest; nothing is expected to happen.
inline void settle(asio::io_context& lane)
{
    for (int i = 0; i < 10; ++i) {
        lane.restart();
        lane.run_for(2ms);
    }
}

// Awaits `work` on the lane.
template <class T>
T await(asio::io_context& lane, task<T> work)
{
    outcome<T> result;
    auto all = leasehold::detail::run_into(std::move(work), result);
    bool ended = false;
    asio::co_spawn(lane, std::move(all), [&](std::exception_ptr) { ended = true; });
    run_until(
        lane, [&] { return ended; }, 120s
    );
    if (!ended) throw std::runtime_error("the work does not end");
    return result.take();
}

}  // namespace leasehold::test
