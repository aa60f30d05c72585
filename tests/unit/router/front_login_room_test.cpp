#include "front/failed_logins.hpp"
#include "front/login_room.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <list>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

const peer_group here{1};
const peer_group there{2};

TEST(LoginRoom, AFullGroupGivesUpItsOldestSilentSocket)
{
    login_room room(10, 2);
    login_room::place a;
    login_room::place b;
    login_room::place c;
    std::string closed;
    ASSERT_TRUE(room.enter(here, a, [&] { closed += 'a'; }));
    ASSERT_TRUE(room.enter(here, b, [&] { closed += 'b'; }));
    ASSERT_TRUE(room.enter(here, c, [&] { closed += 'c'; }));
    EXPECT_EQ(closed, "a");
    EXPECT_EQ(room.size(), 2U);
}

TEST(LoginRoom, WhoSpeaksIsNotGivenUp)
{
    login_room room(10, 1);
    login_room::place speaking;
    login_room::place late;
    login_room::place elsewhere;
    bool is_closed = false;
    ASSERT_TRUE(room.enter(here, speaking, [&] { is_closed = true; }));
    speaking.has_spoken();
    EXPECT_FALSE(room.enter(here, late, [] {}));
    EXPECT_FALSE(is_closed);
    EXPECT_TRUE(room.enter(there, elsewhere, [] {}));  // others are not touched by it
    speaking.leave();
    EXPECT_TRUE(room.enter(here, late, [] {}));
}

TEST(LoginRoom, SilenceElsewhereDoesNotShutOutAnybody)
{
    login_room room(3, 3);
    std::list<login_room::place> silent;
    int closed = 0;
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(room.enter(here, silent.emplace_back(), [&] { ++closed; }));
    login_room::place other;
    EXPECT_TRUE(room.enter(there, other, [] {}));
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(room.size(), 3U);
}

TEST(FailedLogins, ManyFailuresOfOneAddressWait)
{
    failed_logins failures;
    const auto now = boot_clock::now();
    for (std::size_t i = 0; i < failed_logins::per_tenant; ++i) EXPECT_FALSE(failures.note("t", here, now));
    EXPECT_TRUE(failures.note("t", here, now));
    EXPECT_FALSE(failures.note("t", there, now));       // another address
    EXPECT_FALSE(failures.note("t", here, now + 61s));  // another minute
}

TEST(FailedLogins, ManyTenantsFromOneAddressWait)
{
    failed_logins failures;
    const auto now = boot_clock::now();
    std::size_t waits = 0;
    for (std::size_t i = 0; i <= failed_logins::per_group; ++i) {
        if (failures.note("t" + std::to_string(i), here, now)) ++waits;
    }
    EXPECT_EQ(waits, 1U);
}

// Strangers from everywhere at once: what is remembered is bounded, and the newest of it is.
TEST(FailedLogins, RememberNoMoreThanTheirBound)
{
    failed_logins failures;
    const auto now = boot_clock::now();
    const auto note = [&](std::size_t who, boot_time at) {
        peer_group from{};
        std::memcpy(from.data(), &who, sizeof who);
        return failures.note("t", from, at);
    };
    const auto last = 2 * failed_logins::windows_max;
    for (std::size_t i = 0; i <= last; ++i) note(i, now);
    EXPECT_EQ(failures.windows(), failed_logins::windows_max);
    for (std::size_t i = 1; i < failed_logins::per_tenant; ++i) EXPECT_FALSE(note(last, now));
    EXPECT_TRUE(note(last, now));
    EXPECT_FALSE(note(last, now + 61s));
    EXPECT_EQ(failures.windows(), 2U);
}

}  // namespace
}  // namespace leasehold::router
