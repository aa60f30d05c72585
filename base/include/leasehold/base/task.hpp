#pragma once

#include <leasehold/base/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

namespace leasehold {

namespace asio = boost::asio;

// A coroutine of one lane. An await stands alone: docs/architecture.md, "Coroutines", says why.
template <class T>
using task = asio::awaitable<T>;

// A value, or what was thrown instead. Made on one thread, taken on another.
template <class T>
class outcome
{
public:
    template <class Work>
    void capture(Work&& work) noexcept
    {
        try {
            if constexpr (std::is_void_v<T>) {
                std::forward<Work>(work)();
                value_.emplace();
            } else {
                value_.emplace(std::forward<Work>(work)());
            }
        } catch (...) {
            thrown_ = std::current_exception();
        }
    }
    void fail(std::exception_ptr why) noexcept { thrown_ = std::move(why); }
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] bool is_set() const noexcept { return value_.has_value() || thrown_ != nullptr; }

    // The value, or throws. Once.
    T take()
    {
        if (thrown_) std::rethrow_exception(thrown_);
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

private:
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value_;
    std::exception_ptr thrown_;
};

// Runs `work` on `where` to its end. What escapes is logged once under `name` (event task.failed).
// The coroutine must own what it uses, or what it refers to must outlive the lane.
void spawn(asio::io_context& where, std::string name, task<void> work);

// Waits on the caller's lane.
task<void> sleep_for(std::chrono::nanoseconds duration);

// Runs `work` at most `limit` long, on the caller's lane: its value, its exception, or error timeout with
// `code`. On a time-out the work is cancelled at its next wait and has ended when this returns.
template <class T>
task<T> with_timeout(task<T> work, std::chrono::nanoseconds limit, std::string code);

// Runs one coroutine on an event loop of its own, for the command line and for tests. Blocks.
template <class T>
T run(task<T> work);

}  // namespace leasehold

#include <leasehold/base/task_inline.hpp>
