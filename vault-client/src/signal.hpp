#pragma once

#include <leasehold/base/task.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace leasehold::vault_client {

// Waiters of one lane, woken all at once. They look again at what they waited for.
class signal
{
public:
    explicit signal(const asio::any_io_executor& on) : timer_(on)
    {
        timer_.expires_at(asio::steady_timer::time_point::max());
    }

    void wake() { timer_.cancel(); }
    // Until woken or cancelled.
    task<void> wait()
    {
        boost::system::error_code ignored;
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

private:
    asio::steady_timer timer_;
};

}  // namespace leasehold::vault_client
