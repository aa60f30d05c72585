#include <leasehold/base/uuid.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <unordered_set>

namespace leasehold {
namespace {

TEST(Uuid, IsReadAndWrittenInTheTextFormOfRfc9562)
{
    const auto read = uuid::parse("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->to_string(), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    EXPECT_EQ(read->bytes()[0], 0xf8);
    EXPECT_EQ(read->bytes()[15], 0xf6);
}

TEST(Uuid, RefusesWhatIsNoUuid)
{
    for (const auto* text :
         {"",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bf66",
          "f81d4fae07dec-11d0-a765-00a0c91e6bf6",
          "g81d4fae-7dec-11d0-a765-00a0c91e6bf6",
          "{81d4fae-7dec-11d0-a765-00a0c91e6bf6"}) {
        EXPECT_FALSE(uuid::parse(text)) << text;
    }
}

TEST(Uuid, RandomOnesDifferAndAreOfVersionFour)
{
    std::unordered_set<uuid> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto one = uuid::random();
        EXPECT_EQ(one.to_string()[14], '4');
        EXPECT_TRUE(seen.insert(one).second);
    }
}

TEST(Uuid, TimeOrderedOnesBeginWithTheTime)
{
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto one = uuid::time_ordered();
    EXPECT_EQ(one.to_string()[14], '7');
    std::uint64_t stamp = 0;
    for (std::size_t i = 0; i < 6; ++i) stamp = stamp << 8U | one.bytes()[i];
    EXPECT_NEAR(
        static_cast<double>(stamp),
        static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()),
        5000
    );
}

TEST(StrongId, OrdersAndHashesLikeItsUuid)
{
    using id = strong_id<struct some_tag>;
    const auto one = id::random();
    EXPECT_EQ(id::parse(one.to_string()), one);
    EXPECT_FALSE(id::parse("x"));
    EXPECT_TRUE(id{}.is_nil());
    EXPECT_FALSE(one.is_nil());
    EXPECT_EQ(std::hash<id>{}(one), std::hash<uuid>{}(one.value()));
}

}  // namespace
}  // namespace leasehold
