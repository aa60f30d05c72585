#include <leasehold/base/log.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace leasehold {

void spawn(asio::io_context& where, std::string name, task<void> work)
{
    asio::co_spawn(where, std::move(work), [name = std::move(name)](std::exception_ptr thrown) {
        if (!thrown) return;
        try {
            std::rethrow_exception(std::move(thrown));
        } catch (const std::exception& why) {
            log::failure("task.failed", why, {{"task", name}});
        } catch (...) {
            log::error(
                "task.failed", {{"task", name}, {"error", "something that is no exception was thrown"}}
            );
        }
    });
}

task<void> sleep_for(std::chrono::nanoseconds duration)
{
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(duration));
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace leasehold
