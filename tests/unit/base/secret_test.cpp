#include "secret_arena.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/secret.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <type_traits>
#include <vector>

namespace leasehold {
namespace {

using text_secret = secret<std::string>;

template <class T>
concept comparable = requires(const T& a, const T& b)
{
    a == b;
};

static_assert(!std::is_copy_constructible_v<text_secret>);
static_assert(!std::is_convertible_v<text_secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, text_secret>);
static_assert(!comparable<text_secret>);

TEST(Secret, GivesItsTextOnlyWhenAsked)
{
    const text_secret one("hunter2");
    EXPECT_EQ(one.reveal(), "hunter2");
    EXPECT_EQ(to_text(one), "***");
    EXPECT_EQ(one.clone().reveal(), "hunter2");
}

TEST(Secret, IsEmptyByDefaultAndForNoText)
{
    EXPECT_TRUE(text_secret().empty());
    EXPECT_TRUE(text_secret("").empty());
    EXPECT_EQ(text_secret("").reveal(), "");
}

TEST(Secret, MovesWithoutLeavingAnything)
{
    text_secret one("first");
    text_secret two(std::move(one));
    EXPECT_EQ(two.reveal(), "first");
    EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move): that is the question
    text_secret three("third");
    three = std::move(two);
    EXPECT_EQ(three.reveal(), "first");
    EXPECT_TRUE(two.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, IsWipedAtItsEnd)
{
    const std::string text(100, 'x');
    const char* where = nullptr;
    {
        const text_secret one(text);
        where = one.reveal().data();
        ASSERT_EQ(std::count(where, where + 100, 'x'), 100);
    }
    // The slot stays mapped: it belongs to the arena. Its first bytes link it to the next free slot.
    EXPECT_EQ(std::count(where, where + 100, 'x'), 0);
}

TEST(Secret, TakingWipesTheStringItCameIn)
{
    std::string text(200, 'y');
    const char* where = text.data();
    const auto one = text_secret::take(std::move(text));
    EXPECT_EQ(one.size(), 200U);
    EXPECT_TRUE(text.empty());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(where, text.data());
    EXPECT_EQ(text.capacity() >= 200, true);
    text.resize(200);
    EXPECT_EQ(text.find('y'), std::string::npos);
}

TEST(Secret, RefusesMoreThan64KiB)
{
    EXPECT_EQ(text_secret(std::string(65536, 'a')).size(), 65536U);
    try {
        const text_secret one(std::string(65537, 'a'));
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.code(), "secret_too_large");
        EXPECT_EQ(e.kind(), error_kind::invalid);
    }
}

TEST(Secret, ThreadsMayMakeAndEndThemTogether)
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            for (std::size_t i = 0; i < 2000; ++i) {
                const std::string text(1 + i % 300, static_cast<char>('a' + t));
                const text_secret one(text);
                ASSERT_EQ(one.reveal(), text);
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(SecretArena, GivesAFreedSlotAgain)
{
    secret_arena arena;
    auto* const first = arena.allocate(40);
    arena.release(first, 40);
    EXPECT_EQ(arena.allocate(64), first);  // same class
    EXPECT_NE(arena.allocate(65), first);
}

TEST(SecretArena, SaysWhenItIsFullAndGoesOnAfterwards)
{
    secret_arena arena;
    std::vector<char*> slots;
    try {
        for (;;) slots.push_back(arena.allocate(secret_arena::largest));
    } catch (const error& e) {
        EXPECT_EQ(e.code(), "secret_arena_full");
    }
    EXPECT_EQ(slots.size(), secret_arena::chunk_limit * secret_arena::chunk_size / secret_arena::largest);
    arena.release(slots.back(), secret_arena::largest);
    EXPECT_EQ(arena.allocate(secret_arena::largest), slots.back());
}

TEST(EqualInConstantTime, ComparesContent)
{
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace leasehold
