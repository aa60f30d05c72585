#include "eventually.hpp"
#include "stack.hpp"

#include <leasehold/base/lane.hpp>
#include <leasehold/database/pool.hpp>

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace leasehold::database {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::scratch_database;
using test::the_stack;

const query backend{"test_backend", "select pg_backend_pid() as pid"};
const query counter_table{"test_counter_table", "create table public.counter(n int not null)"};
const query counter_row{"test_counter_row", "insert into public.counter values (0)"};
const query count_up{"test_count_up", "update public.counter set n = n + 1"};
const query count_now{"test_count_now", "select n from public.counter"};

int backend_of(transaction& tx)
{
    return tx.get_one(backend).get<int>("pid");
}

std::optional<error> error_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const error& e) {
        return e;
    }
    return std::nullopt;
}

std::string code_of(const std::function<void()>& call)
{
    const auto why = error_of(call);
    return why ? why->code() : "nothing was thrown";
}

// Holds one worker until it is let go.
class blocker
{
public:
    explicit blocker(pool& of)
        : thread_([this, &of] {
            of.run_blocking([this](transaction&) {
                held_ = true;
                let_go_.get_future().wait();
            });
        })
    {
        EXPECT_TRUE(eventually([this] { return held_.load(); }));
    }
    ~blocker() { release(); }
    blocker(const blocker&) = delete;
    blocker& operator=(const blocker&) = delete;
    void release()
    {
        if (!thread_.joinable()) return;
        let_go_.set_value();
        thread_.join();
    }

private:
    std::atomic<bool> held_{false};
    std::promise<void> let_go_;
    std::thread thread_;
};

class Pool : public testing::Test
{
protected:
    scratch_database database{the_stack().server("registry"), "pool"};

    void terminate(int pid)
    {
        const auto super = connect(database.superuser_endpoint());
        super->run_plain_rows("select pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
    }
};

task<std::string>
thread_and_text(pool& from, std::thread::id& before, std::thread::id& within, std::thread::id& after)
{
    before = std::this_thread::get_id();
    auto text = co_await from.run([&](transaction& tx) {
        within = std::this_thread::get_id();
        return tx.run_rows("select 'x'").at(0)[0].value();
    });
    after = std::this_thread::get_id();
    co_return text;
}

TEST_F(Pool, WorkRunsOnAWorkerAndTheCallerResumesOnItsLane)
{
    pool from(database.endpoint(), 2, 8);
    std::thread::id before;
    std::thread::id within;
    std::thread::id after;
    EXPECT_EQ(run(thread_and_text(from, before, within, after)), "x");
    EXPECT_EQ(before, after);
    EXPECT_NE(before, within);
}

task<void> failing(pool& from)
{
    co_await from.run([](transaction&) { throw error(error_kind::conflict, "no_luck", "no"); });
}

TEST_F(Pool, WhatTheWorkThrowsComesBackAndTheWorkerGoesOn)
{
    pool from(database.endpoint(), 1, 8);
    EXPECT_EQ(code_of([&] { run(failing(from)); }), "no_luck");
    EXPECT_EQ(
        code_of([&] { from.run_blocking([](transaction& tx) { (void)tx.run_rows("nonsense"); }); }),
        "database_error"
    );
    EXPECT_GT(from.run_blocking([](transaction& tx) { return backend_of(tx); }), 0);
}

TEST_F(Pool, AFullQueueIsRefusedAtOnce)
{
    pool from(database.endpoint(), 1, 2);
    blocker hold(from);
    std::vector<std::future<int>> waiting;
    for (int i = 0; i < 2; ++i) {
        waiting.push_back(std::async(std::launch::async, [&] {
            return from.run_blocking([](transaction& tx) { return backend_of(tx); });
        }));
    }
    ASSERT_TRUE(eventually([&] { return from.queued() == 2; }));
    const auto refused = error_of([&] { from.run_blocking([](transaction&) {}); });
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code(), "database_busy");
    EXPECT_EQ(refused->kind(), error_kind::unavailable);
    EXPECT_EQ(code_of([&] { run(failing(from)); }), "database_busy");
    hold.release();
    for (auto& one : waiting) EXPECT_GT(one.get(), 0);
    EXPECT_EQ(from.queued(), 0U);
}

task<std::string> slow_within(pool& from, std::chrono::milliseconds limit, std::string& seen)
{
    // `seen` and `here` are written by the worker: both must still be there when it does.
    std::string here;
    auto work = from.run([&](transaction& tx) {
        (void)tx.run_rows("select pg_sleep(0.1)");
        here = "written";
        seen = here;
        return here;
    });
    std::string out = "late";
    try {
        auto text = co_await with_timeout(std::move(work), limit, "too_late");
        out = std::move(text);
    } catch (const error& e) {
        if (e.code() != "too_late") throw;
    }
    co_return out;
}

TEST_F(Pool, ATimedOutCallerResumesWhenTheWorkHasEnded)
{
    pool from(database.endpoint(), 1, 8);
    std::string seen;
    const auto out = run(slow_within(from, 1ms, seen));
    EXPECT_EQ(seen, "written");
    EXPECT_EQ(out, "written");  // the work was done: its value counts
}

task<void> hurried(pool& from, std::atomic<int>& ended, std::chrono::nanoseconds limit)
{
    std::string text(100, 'x');
    std::size_t size = 0;
    auto work = from.run([&](transaction& tx) {
        size = text.size();
        return backend_of(tx);
    });
    try {
        co_await with_timeout(std::move(work), limit, "too_late");
    } catch (const error& e) {
        if (e.code() != "too_late" && e.code() != "database_busy") throw;
    }
    if (size == 100 || size == 0) ++ended;
}

TEST_F(Pool, ManyTimeoutsRacingManyHopsLoseNothing)
{
    constexpr int per_lane = 400;
    std::atomic<int> ended{0};
    pool from(database.endpoint(), 4, 64);
    {
        lane one("one");
        lane two("two");
        for (auto* where : {&one, &two}) {
            boost::asio::post(where->context(), [&, where] {
                for (int i = 0; i < per_lane; ++i) {
                    spawn(
                        where->context(),
                        "hurried",
                        hurried(from, ended, std::chrono::microseconds(37 * (i % 211)))
                    );
                }
            });
        }
    }
    EXPECT_EQ(ended, 2 * per_lane);
}

TEST_F(Pool, AConnectionLostWhileIdleIsOpenedAgainUnseen)
{
    pool from(database.endpoint(), 1, 8);
    const auto first = from.run_blocking([](transaction& tx) { return backend_of(tx); });
    terminate(first);
    const auto second = from.run_blocking([](transaction& tx) { return backend_of(tx); });
    EXPECT_NE(first, second);
}

TEST_F(Pool, AConnectionLostInTheWorkFailsItAndIsOpenedAgain)
{
    pool from(database.endpoint(), 1, 8);
    int runs = 0;
    const auto lost = error_of([&] {
        from.run_blocking([&](transaction& tx) {
            ++runs;
            terminate(backend_of(tx));
            (void)tx.run_rows("select 1");
        });
    });
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->code(), "database_unavailable") << lost->what();
    EXPECT_EQ(runs, 1);  // what had begun is not run again
    EXPECT_GT(from.run_blocking([](transaction& tx) { return backend_of(tx); }), 0);
}

TEST_F(Pool, AnAbsentServerFailsEachWorkAndIsFoundWhenItIsBack)
{
    const auto super = connect(database.superuser_endpoint());
    const auto name = super->quote_identifier(database.owner());
    super->run_plain("alter role " + name + " nologin");
    pool from(database.endpoint(), 1, 8);
    const auto refused = error_of([&] { from.run_blocking([](transaction&) {}); });
    ASSERT_TRUE(refused);
    // The service's own login is refused: that is no "401" for whoever asked the service.
    EXPECT_EQ(refused->kind(), error_kind::unavailable) << refused->what();
    super->run_plain("alter role " + name + " login");
    EXPECT_NO_THROW(from.run_blocking([](transaction&) {}));
}

TEST_F(Pool, ASerializationFailureRunsTheWorkAgain)
{
    pool from(database.endpoint(), 2, 8);
    from.run_blocking([](transaction& tx) {
        tx.change(counter_table);
        tx.change(counter_row);
    });
    int runs = 0;
    from.run_blocking([&](transaction& tx) {
        ++runs;
        tx.run_script("set transaction isolation level repeatable read");
        const int before = tx.get_one(count_now).get<int>("n");
        // Another transaction changes the row after the snapshot was taken: the first time only.
        if (runs == 1) from.run_blocking([](transaction& other) { other.change(count_up); });
        tx.change(count_up);
        EXPECT_EQ(before, runs == 1 ? 0 : 1);
    });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(from.run_blocking([](transaction& tx) { return tx.get_one(count_now).get<int>("n"); }), 2);
}

TEST_F(Pool, WorkThatFailsEachTimeIsRunFourTimesAndThenGivenUp)
{
    pool from(database.endpoint(), 1, 8);
    int runs = 0;
    const auto why = error_of([&] {
        from.run_blocking([&](transaction& tx) {
            ++runs;
            tx.run_script("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
        });
    });
    ASSERT_TRUE(why);
    EXPECT_EQ(why->code(), "database_busy");
    EXPECT_EQ(runs, 4);
}

TEST_F(Pool, AStatementPlannedBeforeATableChangedIsPlannedAgain)
{
    const query star{"test_star", "select * from public.counter"};
    pool from(database.endpoint(), 1, 8);
    from.run_blocking([](transaction& tx) {
        tx.change(counter_table);
        tx.change(counter_row);
    });
    const auto columns = [&] {
        return from.run_blocking([&](transaction& tx) { return tx.get_one(star).size(); });
    };
    EXPECT_EQ(columns(), 1U);
    connect(database.endpoint())->run_plain("alter table public.counter add column extra int");
    EXPECT_EQ(columns(), 2U);
}

TEST_F(Pool, JoinEndsWhatWasTakenOnAndRefusesMore)
{
    pool from(database.endpoint(), 1, 8);
    auto hold = std::make_unique<blocker>(from);
    auto waiting = std::async(std::launch::async, [&] {
        return from.run_blocking([](transaction& tx) { return backend_of(tx); });
    });
    ASSERT_TRUE(eventually([&] { return from.queued() == 1; }));
    auto joined = std::async(std::launch::async, [&] { from.join(); });
    hold->release();
    EXPECT_GT(waiting.get(), 0);
    joined.get();
    EXPECT_EQ(code_of([&] { from.run_blocking([](transaction&) {}); }), "database_busy");
}

TEST_F(Pool, AnotherLoginIsUsedByTheNextWorkOfEachWorker)
{
    pool from(database.endpoint(), 1, 8);
    const auto pid = [&] { return from.run_blocking(backend_of); };
    const auto before = pid();
    EXPECT_FALSE(from.use(database.endpoint()));
    EXPECT_EQ(pid(), before) << "the same place and login";
    EXPECT_TRUE(from.use(database.superuser_endpoint()));
    EXPECT_NE(pid(), before);
    auto wrong = database.superuser_endpoint();
    wrong.user = "nobody_of_that_name";
    EXPECT_TRUE(from.use(std::move(wrong)));
    EXPECT_EQ(code_of([&] { pid(); }), "database_unavailable");
    EXPECT_TRUE(from.use(database.endpoint()));
    EXPECT_GT(pid(), 0);
}

}  // namespace
}  // namespace leasehold::database
