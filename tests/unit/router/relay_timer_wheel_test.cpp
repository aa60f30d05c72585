#include "relay/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <vector>

namespace leasehold::router::relay {
namespace {

using namespace std::chrono_literals;

struct alarm
{
    void ring() { ++rung; }
    timer one;
    int rung = 0;
};

const boot_time start{1000s};

TEST(TimerWheel, FiresOnceAndNeverEarly)
{
    timer_wheel wheel(start);
    alarm a;
    wheel.arm<&alarm::ring>(a.one, start + 105ms, a);
    wheel.advance(start + 104ms);
    EXPECT_EQ(a.rung, 0);
    wheel.advance(start + 120ms);
    EXPECT_EQ(a.rung, 1);
    EXPECT_FALSE(a.one.is_armed());
    wheel.advance(start + 1h);
    EXPECT_EQ(a.rung, 1);
}

TEST(TimerWheel, FiresEveryDistanceInItsStep)
{
    for (const auto distance : std::vector<std::chrono::milliseconds>{
             0ms,
             9ms,
             10ms,
             2540ms,
             2550ms,
             2560ms,
             2570ms,
             5120ms,
             655'350ms,
             655'360ms,
             655'370ms,
             3'600'000ms}) {
        timer_wheel wheel(start);
        wheel.advance(start + 1'234'560ms);
        const auto from = start + 1'234'560ms;
        alarm a;
        wheel.arm<&alarm::ring>(a.one, from + distance, a);
        wheel.advance(from + distance - 1ms);
        EXPECT_EQ(a.rung, 0) << distance.count();
        wheel.advance(from + distance + 20ms);
        EXPECT_EQ(a.rung, 1) << distance.count();
    }
}

TEST(TimerWheel, ADisarmedOneStaysSilentAndMayBeArmedAgain)
{
    timer_wheel wheel(start);
    alarm a;
    wheel.arm<&alarm::ring>(a.one, start + 50ms, a);
    timer_wheel::disarm(a.one);
    wheel.advance(start + 100ms);
    EXPECT_EQ(a.rung, 0);
    wheel.arm<&alarm::ring>(a.one, start + 200ms, a);
    wheel.arm<&alarm::ring>(a.one, start + 300ms, a);  // moved
    wheel.advance(start + 250ms);
    EXPECT_EQ(a.rung, 0);
    wheel.advance(start + 320ms);
    EXPECT_EQ(a.rung, 1);
}

TEST(TimerWheel, NamesAnInstantThatIsNeverTooLate)
{
    std::mt19937 random(7);
    timer_wheel wheel(start);
    auto now = start;
    alarm a;
    for (int i = 0; i < 2000; ++i) {
        const auto due = now + std::chrono::milliseconds(random() % 20'000);
        const auto before = a.rung;
        wheel.arm<&alarm::ring>(a.one, due, a);
        while (a.rung == before) {
            const auto next = wheel.next_due();
            ASSERT_GT(next, now - 10ms);
            now = std::max(now + 1ms, next);
            wheel.advance(now);
        }
        EXPECT_GE(now, due);
        EXPECT_LE(now, due + 30ms);
    }
}

}  // namespace
}  // namespace leasehold::router::relay
