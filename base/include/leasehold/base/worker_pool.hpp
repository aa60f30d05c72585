#pragma once

#include <leasehold/base/task.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace leasehold {

// Threads for what blocks or computes for long (PostgreSQL sessions of one job, PBKDF2, files), behind one
// bounded queue. Made on any thread; run() from lanes; joined by the destructor, after the lanes have
// drained.
class worker_pool
{
public:
    worker_pool(std::string name, int threads, std::size_t queue);
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    // Runs `work` on a worker; the caller resumes on its own lane when it has ended, so `[&]` captures stay
    // valid. Errors: what the work throws; unavailable "workers_busy" at once when the queue is full.
    template <class Work>
    task<std::invoke_result_t<Work&>> run(Work work)
    {
        outcome<std::invoke_result_t<Work&>> result;
        const std::function<void()> on_worker = [&] { result.capture(work); };
        co_await hop(on_worker);
        co_return result.take();
    }

private:
    struct impl;
    void take_slot();  // throws when full
    void enqueue(std::function<void()> job);
    task<void> hop(const std::function<void()>& on_worker);

    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold
