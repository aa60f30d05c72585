#include <leasehold/base/lane.hpp>
#include <leasehold/base/worker_pool.hpp>

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

namespace leasehold {
namespace {

using namespace std::chrono_literals;

task<std::string> thread_change(worker_pool& workers, bool& changed, bool& came_back)
{
    const auto home = std::this_thread::get_id();
    auto text = co_await workers.run([&] {
        changed = std::this_thread::get_id() != home;
        return std::string("a text that is too long for the small string buffer");
    });
    came_back = std::this_thread::get_id() == home;
    co_return text;
}

task<void> failing(worker_pool& workers)
{
    co_await workers.run([] { throw error(error_kind::conflict, "no_luck", "no"); });
}

std::string code_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const error& e) {
        return e.code();
    }
    return "";
}

TEST(WorkerPool, WorkRunsOnAWorkerAndTheCallerResumesOnItsLane)
{
    worker_pool workers("test", 2, 8);
    bool changed = false;
    bool came_back = false;
    EXPECT_EQ(
        run(thread_change(workers, changed, came_back)), "a text that is too long for the small string buffer"
    );
    EXPECT_TRUE(changed);
    EXPECT_TRUE(came_back);
}

TEST(WorkerPool, WhatTheWorkThrowsComesBack)
{
    worker_pool workers("test", 1, 8);
    EXPECT_EQ(code_of([&] { run(failing(workers)); }), "no_luck");
    EXPECT_EQ(code_of([&] { run(failing(workers)); }), "no_luck");
}

task<void> wait_on_worker(worker_pool& workers, std::promise<void>& held, std::future<void>& let_go)
{
    co_await workers.run([&] {
        held.set_value();
        let_go.wait();
    });
}

task<void> count_on_worker(worker_pool& workers, std::atomic<int>& done, std::atomic<int>& refused)
{
    try {
        co_await workers.run([&] { ++done; });
    } catch (const error& e) {
        if (e.code() == "workers_busy") ++refused;
    }
}

TEST(WorkerPool, AFullQueueIsRefusedAtOnce)
{
    std::promise<void> held;
    std::promise<void> let_go;
    auto gone = let_go.get_future();
    std::atomic<int> done{0};
    std::atomic<int> refused{0};
    worker_pool workers("test", 1, 2);
    lane one("one");
    spawn(one.context(), "wait", wait_on_worker(workers, held, gone));
    held.get_future().wait();
    std::promise<void> all_asked;
    for (int i = 0; i < 5; ++i) spawn(one.context(), "count", count_on_worker(workers, done, refused));
    boost::asio::post(one.context(), [&] { all_asked.set_value(); });
    all_asked.get_future().wait();
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(done, 0);
    let_go.set_value();
    one.join();
    EXPECT_EQ(done, 2);
}

task<void> hurried(worker_pool& workers, std::atomic<int>& ended, std::chrono::nanoseconds limit)
{
    std::string text(100, 'x');
    auto work = workers.run([&] { return text + "y"; });
    try {
        co_await with_timeout(std::move(work), limit, "too_late");
    } catch (const error& e) {
        if (e.code() != "too_late" && e.code() != "workers_busy") throw;
    }
    ++ended;
}

TEST(WorkerPool, ManyTimeoutsRacingManyHopsLoseNothing)
{
    constexpr int per_lane = 500;
    std::atomic<int> ended{0};
    worker_pool workers("test", 3, 64);
    {
        lane one("one");
        lane two("two");
        for (auto* where : {&one, &two}) {
            boost::asio::post(where->context(), [&, where] {
                for (int i = 0; i < per_lane; ++i) {
                    spawn(
                        where->context(),
                        "hurried",
                        hurried(workers, ended, std::chrono::microseconds(7 * (i % 211)))
                    );
                }
            });
        }
    }
    EXPECT_EQ(ended, 2 * per_lane);
}

}  // namespace
}  // namespace leasehold
