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
template <class T>
struct race
{
    explicit race(const asio::any_io_executor& on) : finished(on), limit(on) {}

    outcome<T> result;
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

}  // namespace detail

template <class T>
task<T> with_timeout(task<T> work, std::chrono::nanoseconds limit, std::string code)
{
    auto executor = co_await asio::this_coro::executor;
    auto race = std::make_shared<detail::race<T>>(executor);
    race->finished.expires_at(asio::steady_timer::time_point::max());
    race->limit.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));

    auto raced = detail::run_into(std::move(work), race->result);
    auto on_end = [race](std::exception_ptr) {
        race->ended = true;
        race->limit.cancel();
        race->finished.cancel();
    };
    asio::co_spawn(
        executor, std::move(raced), asio::bind_cancellation_slot(race->cancel.slot(), std::move(on_end)));
    race->limit.async_wait([race](boost::system::error_code failed) {
        if (failed || race->ended) return;
        race->late = true;
        race->cancel.emit(asio::cancellation_type::all);
    });

    boost::system::error_code ignored;
    while (!race->ended) {
        co_await race->finished.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (race->late && !race->result.has_value()) {
        throw error(error_kind::timeout, std::move(code), "this took too long");
    }
    co_return race->result.take();
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
