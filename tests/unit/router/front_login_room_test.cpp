#include "front/failed_logins.hpp"
#include "front/login_room.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace leasehold::router
