#include "fake_clock.hpp"

#include <leasehold/base/clock.hpp>

#include <gtest/gtest.h>

namespace leasehold {
namespace {

using namespace std::chrono;

wall_time at(int y, unsigned m, unsigned d, int h, int min, int s, int ms = 0)
{
    return wall_time(sys_days(year(y) / static_cast<int>(m) / static_cast<int>(d))) + hours(h) +
           minutes(min) + seconds(s) + milliseconds(ms);
}

TEST(Rfc3339, WritesMillisecondsInUtc)
{
    EXPECT_EQ(to_rfc3339(at(2026, 11, 3, 9, 15, 0, 250)), "2026-11-03T09:15:00.250Z");
    EXPECT_EQ(to_rfc3339(at(1969, 12, 31, 23, 59, 59, 999)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsAnyOffsetAndFraction)
{
    EXPECT_EQ(parse_rfc3339("2026-11-03T09:15:00.250Z"), at(2026, 11, 3, 9, 15, 0, 250));
    EXPECT_EQ(parse_rfc3339("2026-11-03T09:15:00Z"), at(2026, 11, 3, 9, 15, 0));
    EXPECT_EQ(parse_rfc3339("2026-11-03t11:15:00+02:00"), at(2026, 11, 3, 9, 15, 0));
    EXPECT_EQ(parse_rfc3339("2026-11-03T03:45:00-05:30"), at(2026, 11, 3, 9, 15, 0));
    EXPECT_EQ(
        parse_rfc3339("2026-11-03 09:15:00.123456789123+00:00"),
        at(2026, 11, 3, 9, 15, 0) + nanoseconds(123456789)
    );
}

TEST(Rfc3339, RefusesWhatIsNoTime)
{
    for (const auto* text :
         {"",
          "2026-11-03",
          "2026-11-03T09:15Z",
          "2026-11-03T09:15:00",
          "2026-13-03T09:15:00Z",
          "2026-02-30T09:15:00Z",
          "2026-11-03T24:15:00Z",
          "2026-11-03T09:60:00Z",
          "2026-11-03T09:15:00.Z",
          "2026-11-03T09:15:00Zx",
          "2026-11-03T09:15:00+0200",
          "9999-11-03T09:15:00Z",
          "+026-11-03T09:15:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

TEST(RealClock, GoesOn)
{
    const auto before = real_clock().boot();
    EXPECT_GE(real_clock().boot(), before);
    EXPECT_GT(real_clock().wall(), at(2024, 1, 1, 0, 0, 0));
}

TEST(FakeClock, MovesBothTimesTogether)
{
    test::fake_clock clock(at(2026, 1, 1, 0, 0, 0));
    const auto boot = clock.boot();
    clock.advance(hours(3));
    EXPECT_EQ(clock.wall(), at(2026, 1, 1, 3, 0, 0));
    EXPECT_EQ(clock.boot() - boot, hours(3));
    clock.advance_to(at(2026, 1, 2, 0, 0, 0));
    EXPECT_EQ(clock.boot() - boot, hours(24));
}

}  // namespace
}  // namespace leasehold
