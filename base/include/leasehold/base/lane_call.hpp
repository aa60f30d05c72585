#pragma once

#include <leasehold/base/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <utility>

namespace leasehold {

// Runs one coroutine on a lane and waits for its end: its value, or what it threw. Blocks; from a thread that
// is no lane.
template <class T>
T run_on(asio::io_context& where, task<T> work)
{
    std::promise<void> done;
    outcome<T> result;
    auto all = detail::run_into(std::move(work), result);
    asio::co_spawn(where, std::move(all), [&](std::exception_ptr) { done.set_value(); });
    done.get_future().wait();
    return result.take();
}

// Runs work that cannot fail on a lane and waits for its end. Blocks; from a thread that is no lane.
template <class Work>
void call_on(asio::io_context& where, Work work)
{
    std::promise<void> done;
    asio::post(where, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace leasehold
