#pragma once

#include <leasehold/base/task.hpp>
#include <leasehold/database/session.hpp>

#include <functional>
#include <memory>

namespace leasehold::database {

// N worker threads, each with a connection of its own, behind one bounded queue: the only hop from a lane to
// libpqxx. Work has no effect but its transaction: 40001 and 40P01 run it again (at most 3 times). After
// class 08 or 57P the worker opens a new connection at the next work. Made on any thread; run() from lanes;
// joined after the lanes have drained. Errors: unavailable "database_busy" (queue full, at once), what the
// work throws, and what connect() throws.
class pool
{
public:
    pool(endpoint where, int threads, int queue);
    ~pool();
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    // Work: callable with (transaction&); what it returns is moved out. The caller resumes on its own lane
    // when the work has ended, so `[&]` captures stay valid.
    template <class Work>
    task<std::invoke_result_t<Work&, transaction&>> run(Work work);
    // The same without a lane: blocks the calling thread (tests, start-up, the command line).
    template <class Work>
    std::invoke_result_t<Work&, transaction&> run_blocking(Work work);

    // Work that begins from now on runs on connections to there: each worker opens its own anew, unless it is
    // the same place and login. True: it is not. Any thread.
    bool use(endpoint where);
    [[nodiscard]] std::size_t queued() const noexcept;
    void join();

private:
    struct impl;
    void take_slot();
    task<void> hop(const std::function<void(session&)>& on_worker);
    void hop_blocking(const std::function<void(session&)>& on_worker);
    static void in_transaction(session& own, const std::function<void(transaction&)>& work);
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::database

#include <leasehold/database/pool_inline.hpp>
