#include "directory/change_cursor.hpp"

#include <gtest/gtest.h>

namespace leasehold::router {
namespace {

using ids = std::vector<std::int64_t>;

TEST(ChangeCursor, FollowsIdsInOrder)
{
    change_cursor cursor;
    cursor.begin({}, 100, 100);
    EXPECT_EQ(cursor.last(), 0);
    EXPECT_TRUE(cursor.take({1, 2, 3}, 100, 100, 1));
    EXPECT_EQ(cursor.last(), 3);
    EXPECT_TRUE(cursor.gaps().empty());
}

TEST(ChangeCursor, KeepsALowerIdThatHasNotCommittedYet)
{
    change_cursor cursor;
    cursor.begin({1, 2}, 100, 100);
    // 3 was handed out to transaction 101, which still runs; 4 has committed. xmax was 103.
    EXPECT_TRUE(cursor.take({4}, 101, 103, 1));
    EXPECT_EQ(cursor.last(), 4);
    EXPECT_EQ(cursor.gaps(), ids{3});
    // Others come and go while 101 runs on.
    EXPECT_TRUE(cursor.take({5}, 101, 110, 1));
    EXPECT_EQ(cursor.gaps(), ids{3});
    // It commits at last.
    EXPECT_TRUE(cursor.take({3}, 111, 111, 1));
    EXPECT_TRUE(cursor.gaps().empty());
    EXPECT_EQ(cursor.last(), 5);
}

TEST(ChangeCursor, GivesAGapUpOnlyWhenAllOfThatTimeHaveEnded)
{
    change_cursor cursor;
    cursor.begin({1}, 100, 100);
    EXPECT_TRUE(cursor.take({3}, 101, 103, 1));
    EXPECT_TRUE(cursor.take({}, 102, 120, 1));  // 102 could still hold it
    EXPECT_EQ(cursor.gaps(), ids{2});
    EXPECT_TRUE(cursor.take({}, 103, 121, 1));  // everything below 103 is over: it was rolled back
    EXPECT_TRUE(cursor.gaps().empty());
}

TEST(ChangeCursor, LooksBackAmongTheNewestRowsAtTheStart)
{
    change_cursor cursor;
    cursor.begin({10, 11, 13}, 100, 104);
    EXPECT_EQ(cursor.last(), 13);
    EXPECT_EQ(cursor.gaps(), ids{12});
}

TEST(ChangeCursor, AsksForALoadWhenRowsWerePrunedUnseen)
{
    change_cursor cursor;
    cursor.begin({1, 2}, 100, 100);
    EXPECT_TRUE(cursor.take({}, 100, 100, 3));
    EXPECT_FALSE(cursor.take({9}, 100, 100, 9));
}

TEST(ChangeCursor, AsksForALoadWhenTooMuchIsMissing)
{
    change_cursor cursor;
    cursor.begin({1}, 100, 100);
    EXPECT_FALSE(cursor.take({2 + change_cursor::jump_max}, 100, 100, 1));
}

}  // namespace
}  // namespace leasehold::router
