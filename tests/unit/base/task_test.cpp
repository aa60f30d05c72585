#include <leasehold/base/lane.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <vector>

namespace leasehold {
namespace {

using namespace std::chrono_literals;

task<std::string> text_after(std::chrono::nanoseconds wait, std::string text)
{
    co_await sleep_for(wait);
    co_return text;
}

task<int> failing_after(std::chrono::nanoseconds wait)
{
    co_await sleep_for(wait);
    throw error(error_kind::conflict, "slug_taken", "taken");
}

task<void> nothing_after(std::chrono::nanoseconds wait)
{
    co_await sleep_for(wait);
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

TEST(Outcome, KeepsAValueOrWhatWasThrown)
{
    outcome<int> value;
    EXPECT_FALSE(value.is_set());
    value.capture([] { return 7; });
    EXPECT_TRUE(value.has_value());
    EXPECT_EQ(value.take(), 7);

    outcome<void> thrown;
    thrown.capture([] { throw std::runtime_error("no"); });
    EXPECT_TRUE(thrown.is_set());
    EXPECT_FALSE(thrown.has_value());
    EXPECT_THROW(thrown.take(), std::runtime_error);

    outcome<std::unique_ptr<int>> moved;
    moved.capture([] { return std::make_unique<int>(3); });
    EXPECT_EQ(*moved.take(), 3);
}

TEST(Run, GivesTheValueOrThrows)
{
    EXPECT_EQ(run(text_after(0ms, "x")), "x");
    EXPECT_EQ(code_of([] { run(failing_after(0ms)); }), "slug_taken");
    EXPECT_NO_THROW(run(nothing_after(0ms)));
}

TEST(WithTimeout, GivesTheValueInTime)
{
    EXPECT_EQ(run(with_timeout(text_after(1ms, "x"), 10s, "too_late")), "x");
    EXPECT_NO_THROW(run(with_timeout(nothing_after(1ms), 10s, "too_late")));
}

TEST(WithTimeout, GivesTheWorksOwnException)
{
    EXPECT_EQ(code_of([] { run(with_timeout(failing_after(1ms), 10s, "too_late")); }), "slug_taken");
}

TEST(WithTimeout, EndsTheWorkAtTheLimit)
{
    const auto begin = std::chrono::steady_clock::now();
    try {
        run(with_timeout(text_after(60s, "x"), 10ms, "too_late"));
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::timeout);
        EXPECT_EQ(e.code(), "too_late");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
}

TEST(WithTimeout, CountsItsLimitFromTheAwait)
{
    EXPECT_EQ(code_of([] { run(with_timeout(text_after(60s, "x"), 0ms, "too_late")); }), "too_late");
}

// Notes when its frame ends.
struct end_note
{
    explicit end_note(bool& to) : ended(to) {}
    ~end_note() { ended = true; }
    end_note(const end_note&) = delete;
    end_note& operator=(const end_note&) = delete;
    bool& ended;
};

task<void> noting(bool& ended)
{
    const end_note note(ended);
    co_await sleep_for(60s);
}

task<bool> ended_before_the_error_came()
{
    bool ended = false;
    bool was_ended = false;
    try {
        co_await with_timeout(noting(ended), 5ms, "too_late");
    } catch (const error&) {
        was_ended = ended;
    }
    co_return was_ended;
}

TEST(WithTimeout, TheWorkHasEndedWhenItReturns)
{
    EXPECT_TRUE(run(ended_before_the_error_came()));
}

task<void> nested(bool& inner_ended, std::string& code)
{
    try {
        co_await with_timeout(noting(inner_ended), 60s, "inner");
    } catch (const error& e) {
        code = e.code();
    } catch (const boost::system::system_error&) {
        code = "cancelled";
    }
}

TEST(WithTimeout, AnOuterLimitEndsTheInnerWorkFirst)
{
    bool inner_ended = false;
    std::string code;
    // nested() catches what ends it and returns, so the outer one has a value.
    run(with_timeout(nested(inner_ended, code), 10ms, "outer"));
    EXPECT_TRUE(inner_ended);
    EXPECT_EQ(code, "cancelled");
}

task<std::string> stubborn(lane& elsewhere)
{
    // Work that cannot be cancelled, as a hop to a database worker: it comes back when it has ended.
    const auto start = [&](auto resume) {
        auto home = asio::get_associated_executor(resume);
        auto kept = std::make_shared<decltype(resume)>(std::move(resume));
        asio::post(elsewhere.context(), [home, kept = std::move(kept)]() mutable {
            std::this_thread::sleep_for(20ms);
            asio::post(home, [kept = std::move(kept)] { (*kept)(); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
    co_return "done";
}

task<std::string> stubborn_within(lane& elsewhere, std::chrono::nanoseconds limit)
{
    // The timer keeps run()'s loop alive; the other lane holds no work of it.
    auto work = stubborn(elsewhere);
    co_return co_await with_timeout(std::move(work), limit, "too_late");
}

TEST(WithTimeout, WaitsForWorkThatCannotBeCancelledAndGivesItsValue)
{
    lane elsewhere("elsewhere");
    EXPECT_EQ(run(stubborn_within(elsewhere, 1ms)), "done");
    EXPECT_EQ(run(stubborn_within(elsewhere, 60s)), "done");
}

// The value, or "late": both are right where the two race; everything else is a fault.
task<std::string> raced(std::chrono::nanoseconds wait, std::chrono::nanoseconds limit)
{
    std::string out = "late";
    auto work = text_after(wait, "a text that is too long for the small string buffer");
    try {
        auto text = co_await with_timeout(std::move(work), limit, "too_late");
        out = std::move(text);
    } catch (const error& e) {
        if (e.code() != "too_late") throw;
    }
    co_return out;
}

task<void>
count_one(std::chrono::nanoseconds wait, std::chrono::nanoseconds limit, int& values, int& timeouts)
{
    const auto out = co_await raced(wait, limit);
    (out == "late" ? timeouts : values) += 1;
}

TEST(WithTimeout, ManyRacesOnSeveralLanesEndInAValueOrATimeout)
{
    constexpr int per_lane = 500;
    struct counts
    {
        int values = 0;
        int timeouts = 0;
    };
    std::vector<counts> sums(3);
    {
        std::vector<std::unique_ptr<lane>> lanes;
        for (std::size_t l = 0; l < sums.size(); ++l) {
            lanes.push_back(std::make_unique<lane>("lane"));
            auto& context = lanes.back()->context();
            auto& sum = sums[l];
            boost::asio::post(context, [&context, &sum] {
                for (int i = 0; i < per_lane; ++i) {
                    std::chrono::nanoseconds wait = std::chrono::microseconds(5000 + 13 * (i % 97));
                    std::chrono::nanoseconds limit = std::chrono::microseconds(5000 + 17 * (i % 71));
                    if (i % 10 == 0) wait = 1h;   // these are late for certain,
                    if (i % 10 == 1) limit = 1h;  // and these are in time
                    spawn(context, "race", count_one(wait, limit, sum.values, sum.timeouts));
                }
            });
        }
    }
    for (const auto& sum : sums) {
        EXPECT_EQ(sum.values + sum.timeouts, per_lane);
        EXPECT_GE(sum.values, per_lane / 10);
        EXPECT_GE(sum.timeouts, per_lane / 10);
    }
}

task<void> throwing()
{
    co_await sleep_for(0ms);
    throw std::runtime_error("nobody waits for this");
}

TEST(Spawn, WhatEscapesDoesNotEndTheLane)
{
    lane one("lane");
    std::promise<void> after;
    spawn(one.context(), "throwing", throwing());
    boost::asio::post(one.context(), [&] { after.set_value(); });
    EXPECT_EQ(after.get_future().wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace leasehold
