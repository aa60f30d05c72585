#include <leasehold/base/worker_pool.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

namespace leasehold {

struct worker_pool::impl
{
    explicit impl(std::size_t most) : bound(most) {}

    void work()
    {
        for (;;) {
            std::function<void()> job;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return stopping || !jobs.empty(); });
                if (jobs.empty()) return;
                job = std::move(jobs.front());
                jobs.pop_front();
                --slots_taken;
            }
            job();
        }
    }

    std::size_t bound;
    std::size_t slots_taken = 0;  // waiting, or about to be
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> jobs;
    bool stopping = false;
    std::vector<std::thread> threads;
};

worker_pool::worker_pool(std::string name, int threads, std::size_t queue)
    : impl_(std::make_unique<impl>(queue))
{
    for (int i = 0; i < threads; ++i) {
        impl_->threads.emplace_back([state = impl_.get()] { state->work(); });
        pthread_setname_np(impl_->threads.back().native_handle(), name.substr(0, 15).c_str());
    }
}

worker_pool::~worker_pool()
{
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->changed.notify_all();
    for (auto& thread : impl_->threads) thread.join();
}

void worker_pool::take_slot()
{
    const std::lock_guard lock(impl_->mutex);
    if (impl_->slots_taken >= impl_->bound) {
        throw error(error_kind::unavailable, "workers_busy", "too much work is waiting; try again");
    }
    ++impl_->slots_taken;
}

void worker_pool::enqueue(std::function<void()> job)
{
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->jobs.push_back(std::move(job));
    }
    impl_->changed.notify_one();
}

task<void> worker_pool::hop(const std::function<void()>& on_worker)
{
    take_slot();  // throws here, before the hop: what throws inside `start` would leave io_context::run()
    const auto start = [&](auto resume) {
        auto home =
            asio::prefer(asio::get_associated_executor(resume), asio::execution::outstanding_work.tracked);
        auto kept = std::make_shared<decltype(resume)>(std::move(resume));
        // Moved on, never shared: the last owner of the coroutine must be its own lane.
        enqueue([&on_worker, home, kept = std::move(kept)]() mutable {
            on_worker();
            asio::post(home, [kept = std::move(kept)] { (*kept)(); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
}

}  // namespace leasehold
