#pragma once

// Bodies of the templates of task.hpp; include that one.
#include <leasehold/base/task.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace leasehold {
namespace detail {

// What the raced work and the waiting caller share. Lives until both are done with it.
struct race
{
    explicit race(const asio::any_io_executor& on) : finished(on), limit(on) {}

    asio::steady_timer finished;  // cancelled by the work's end
    asio::steady_timer limit;
    asio::cancellation_signal cancel;
    bool ended = false;
    bool late = false;
};

template <class T>
task<void> run_into(task<T> work, outcome<T>& result)
{
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(work);
            result.capture([] {});
        } else {
            auto value = co_await std::move(work);
            result.capture([&] { return std::move(value); });
        }
    } catch (...) {
        result.fail(std::current_exception());
    }
}

// Starts `work` beside the caller and returns when it has ended, cancelled or not: what `work` refers to in
// the caller's frame stays. A cancellation of the caller is passed on to the work.
task<void> wait_for_end(std::shared_ptr<race> race, task<void> work, std::chrono::nanoseconds limit);

}  // namespace detail

template <class T>
task<T> with_timeout(task<T> work, std::chrono::nanoseconds limit, std::string code)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto race = std::make_shared<detail::race>(executor);
    outcome<T> result;
    auto raced = detail::run_into(std::move(work), result);
    co_await detail::wait_for_end(race, std::move(raced), limit);
    if (race->late && !result.has_value()) {
        throw error(error_kind::timeout, std::move(code), "this took too long");
    }
    co_return result.take();
}

template <class T>
T run(task<T> work)
{
    asio::io_context loop(1);
    outcome<T> result;
    auto all = detail::run_into(std::move(work), result);
    asio::co_spawn(loop, std::move(all), [](std::exception_ptr) {});
    loop.run();
    return result.take();
}

}  // namespace leasehold
