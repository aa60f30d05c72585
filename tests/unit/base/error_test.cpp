#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace leasehold {
namespace {

constexpr std::array all_kinds{
    error_kind::invalid,
    error_kind::unauthenticated,
    error_kind::forbidden,
    error_kind::not_found,
    error_kind::conflict,
    error_kind::rate_limited,
    error_kind::unavailable,
    error_kind::timeout,
    error_kind::unlicensed,
    error_kind::protocol,
    error_kind::internal,
};

TEST(ErrorKind, EachHasItsOwnRow)
{
    std::set<std::string_view> names;
    for (const auto kind : all_kinds) {
        const auto& facts = facts_of(kind);
        EXPECT_EQ(facts.kind, kind) << facts.name;
        EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
        EXPECT_EQ(facts.sqlstate.size(), 5U) << facts.name;
        EXPECT_GE(facts.http_status, 400) << facts.name;
        EXPECT_NE(facts.exit_code, 0) << facts.name;
    }
}

TEST(ErrorKind, UnlicensedIs402)
{
    EXPECT_EQ(http_status_of(error_kind::unlicensed, "license_expired"), 402);
}

TEST(ErrorCode, HasItsOwnStatusWhereItHasARow)
{
    EXPECT_EQ(http_status_of(error_kind::invalid, "body_too_large"), 413);
    EXPECT_EQ(http_status_of(error_kind::invalid, "slug_invalid"), 422);
    EXPECT_EQ(sqlstate_of(error_kind::unavailable, "tenant_suspended"), "57P03");
    EXPECT_EQ(sqlstate_of(error_kind::unavailable, "server_lost"), "08006");
    EXPECT_EQ(exit_code_of(error_kind::invalid, "config_invalid"), 78);
    EXPECT_EQ(exit_code_of(error_kind::invalid, "slug_invalid"), 65);
}

TEST(Error, KeepsWhatIsForTheLogFromTheCaller)
{
    const error e(error_kind::conflict, "slug_taken", "this slug is taken", "tenant 7");
    EXPECT_EQ(e.detail(), "this slug is taken");
    EXPECT_EQ(std::string(e.what()), "slug_taken: this slug is taken (tenant 7)");
}

}  // namespace
}  // namespace leasehold
