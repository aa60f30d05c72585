#include <leasehold/base/ids.hpp>

#include <gtest/gtest.h>

namespace leasehold {
namespace {

TEST(Tid, ComesFromTheTenantsIdAlone)
{
    const auto tenant = *tenant_id::parse("00000000-0000-0000-0000-000000000000");
    // base32 of SHA-256 over sixteen zero bytes: 374708fff7719dd5979e…
    EXPECT_EQ(tid::of(tenant).text(), "g5dqr77xog");
    EXPECT_EQ(tid::of(tenant), tid::of(tenant));
    EXPECT_NE(tid::of(tenant), tid::of(tenant_id::random()));
}

TEST(Tid, ParsesOnlyItsOwnForm)
{
    EXPECT_TRUE(tid::parse("g5dqr77xog"));
    for (const auto* text : {"", "g5dqr77xo", "g5dqr77xogg", "G5DQR77XOG", "g5dqr77xo1", "g5dqr77xo_"}) {
        EXPECT_FALSE(tid::parse(text)) << text;
    }
}

TEST(Slug, IsDnsSafe)
{
    for (const auto* text : {"a", "acme", "a-b", "a1", "a--b", "abcdefghijabcdefghijabcdefghijabcdefghij"}) {
        EXPECT_TRUE(slug::parse(text)) << text;
    }
    for (const auto* text :
         {"",
          "-a",
          "a-",
          "1a",
          "A",
          "a.b",
          "a_b",
          "t_abc",
          "xn--abc",
          "\xc3\xa4",
          "abcdefghijabcdefghijabcdefghijabcdefghijk"}) {
        EXPECT_FALSE(slug::parse(text)) << text;
    }
}

TEST(RoleClass, TextsAndValuesAgree)
{
    for (const auto value :
         {role_class::rw, role_class::ro, role_class::migrate, role_class::support, role_class::ddl}) {
        EXPECT_EQ(parse_role_class(to_text(value)), value);
    }
    EXPECT_FALSE(parse_role_class("owner"));
}

}  // namespace
}  // namespace leasehold
