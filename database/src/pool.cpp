#include "reopening_session.hpp"
#include "sqlstate.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/database/pool.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

namespace leasehold::database {
namespace {

constexpr int repeat_limit = 3;

const metrics::gauge& queue_depth()
{
    static const auto gauge = process_metrics().make_gauge(
        "leasehold_registry_queue_depth", "Work that waits for a database connection"
    );
    return gauge;
}

// Two transactions that failed each other must not meet again in step.
void pause_before_repeat(int repeat)
{
    const auto random = static_cast<unsigned char>(crypto::random_bytes(1).front());
    std::this_thread::sleep_for(std::chrono::milliseconds(repeat * 5 + random % 16));
}

}  // namespace

using job = std::function<void(session&)>;

struct pool::impl
{
    impl(endpoint to, std::size_t most)
        : queue_limit(most)
        , where(std::make_shared<const endpoint>(std::move(to)))
    {}

    void add(job one)
    {
        {
            const std::lock_guard hold(guard);
            jobs.push_back(std::move(one));
        }
        wake.notify_one();
    }

    // Until stopping and nothing is left: work whose slot was taken is done.
    void run_worker()
    {
        reopening_session own;
        std::shared_ptr<const endpoint> to;
        while (auto next = wait_for_job(to)) {
            queue_depth().add(-1);
            own.use(to);
            next(own);
        }
    }

    // Empty at the end.
    job wait_for_job(std::shared_ptr<const endpoint>& to)
    {
        std::unique_lock hold(guard);
        wake.wait(hold, [&] { return !jobs.empty() || (stopping && slots_taken == 0); });
        if (jobs.empty()) return {};
        auto next = std::move(jobs.front());
        jobs.pop_front();
        --slots_taken;
        to = where;
        if (stopping) wake.notify_all();  // that may have been the last
        return next;
    }

    const std::size_t queue_limit;
    std::mutex guard;
    std::condition_variable wake;
    std::deque<job> jobs;
    std::size_t slots_taken = 0;  // jobs that wait, or are about to be added
    bool stopping = false;
    std::shared_ptr<const endpoint> where;
    std::vector<std::thread> workers;
};

pool::pool(endpoint where, int threads, int queue)
    : impl_(std::make_unique<impl>(std::move(where), static_cast<std::size_t>(queue)))
{
    for (int i = 0; i < threads; ++i) {
        impl_->workers.emplace_back([state = impl_.get()] {
            pthread_setname_np(pthread_self(), "database");
            state->run_worker();
        });
    }
}

pool::~pool()
{
    join();
}

void pool::join()
{
    {
        const std::lock_guard hold(impl_->guard);
        impl_->stopping = true;
    }
    impl_->wake.notify_all();
    for (auto& worker : impl_->workers) {
        if (worker.joinable()) worker.join();
    }
}

bool pool::use(endpoint where)
{
    auto fresh = std::make_shared<const endpoint>(std::move(where));
    const std::lock_guard hold(impl_->guard);
    if (fresh->is_same(*impl_->where)) return false;
    impl_->where = std::move(fresh);
    return true;
}

std::size_t pool::queued() const noexcept
{
    const std::lock_guard hold(impl_->guard);
    return impl_->slots_taken;
}

void pool::take_slot()
{
    {
        const std::lock_guard hold(impl_->guard);
        if (impl_->stopping) {
            throw error(error_kind::unavailable, "database_busy", "the service is stopping");
        }
        if (impl_->slots_taken >= impl_->queue_limit) {
            throw error(
                error_kind::unavailable, "database_busy", "too much work is waiting for the database"
            );
        }
        ++impl_->slots_taken;
    }
    queue_depth().add(1);
}

task<void> pool::hop(const std::function<void(session&)>& on_worker)
{
    const auto start = [&](auto resume) {  // must not throw: that would leave io_context::run()
        auto home =
            asio::prefer(asio::get_associated_executor(resume), asio::execution::outstanding_work.tracked);
        auto kept = std::make_shared<decltype(resume)>(std::move(resume));
        // The coroutine is moved on, never shared: its last owner must be its own lane.
        impl_->add([&on_worker, home, kept = std::move(kept)](session& own) mutable {
            on_worker(own);
            asio::post(home, [kept = std::move(kept)]() mutable { (*kept)(); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
}

void pool::hop_blocking(const std::function<void(session&)>& on_worker)
{
    std::mutex guard;
    std::condition_variable ended;
    bool done = false;
    impl_->add([&](session& own) {
        on_worker(own);
        const std::lock_guard hold(guard);
        done = true;
        ended.notify_one();  // under the lock: the waiter may be gone right after
    });
    std::unique_lock hold(guard);
    ended.wait(hold, [&] { return done; });
}

void pool::in_transaction(session& own, const std::function<void(transaction&)>& work)
{
    for (int repeat = 1;; ++repeat) {
        try {
            own.in_transaction(work);
            return;
        } catch (const sql_error& e) {
            if (!is_repeatable(e.sqlstate()) || repeat > repeat_limit) throw;
        }
        pause_before_repeat(repeat);
    }
}

}  // namespace leasehold::database
