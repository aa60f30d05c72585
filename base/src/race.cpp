#include <leasehold/base/task.hpp>

namespace leasehold::detail {

task<void> wait_for_end(std::shared_ptr<race> race, task<void> work, std::chrono::nanoseconds limit)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    // A cancelled caller must still wait: the work refers to its frame.
    co_await asio::this_coro::throw_if_cancelled(false);

    race->finished.expires_at(asio::steady_timer::time_point::max());
    race->limit.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(limit));
    auto on_end = [race](std::exception_ptr) {
        race->ended = true;
        race->limit.cancel();
        race->finished.cancel();
    };
    asio::co_spawn(
        executor, std::move(work), asio::bind_cancellation_slot(race->cancel.slot(), std::move(on_end))
    );
    race->limit.async_wait([race](boost::system::error_code failed) {
        if (failed || race->ended) return;
        race->late = true;
        race->cancel.emit(asio::cancellation_type::all);
    });

    bool passed_on = false;
    boost::system::error_code ignored;
    while (!race->ended) {
        co_await race->finished.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (race->ended || passed_on || cancelled.cancelled() == asio::cancellation_type::none) continue;
        passed_on = true;
        race->cancel.emit(asio::cancellation_type::all);
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace leasehold::detail
