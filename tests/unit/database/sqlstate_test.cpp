#include "sqlstate.hpp"

#include <gtest/gtest.h>

namespace leasehold::database {
namespace {

TEST(SqlState, DecidesTheKind)
{
    const std::pair<const char*, error_kind> rows[] = {
        {"23505", error_kind::conflict},
        {"23503", error_kind::conflict},
        {"57014", error_kind::timeout},
        {"55P03", error_kind::timeout},
        {"08006", error_kind::unavailable},
        {"57P01", error_kind::unavailable},
        {"53300", error_kind::unavailable},
        {"40001", error_kind::unavailable},
        {"42501", error_kind::forbidden},
        {"42601", error_kind::internal},
        {"23514", error_kind::internal},
        {"", error_kind::internal},
    };
    for (const auto& [state, kind] : rows) {
        const auto made = to_error(state, "a_query", "ERROR:  words\n");
        EXPECT_EQ(made.kind(), kind) << state;
        EXPECT_EQ(made.sqlstate(), state);
        EXPECT_EQ(made.detail().find("words"), std::string::npos) << "the server's words are for the log";
        EXPECT_NE(std::string(made.what()).find("a_query: ERROR:  words)"), std::string::npos) << made.what();
    }
}

TEST(SqlState, DecidesWhatBecomesOfTheConnection)
{
    EXPECT_TRUE(ends_connection("08006"));
    EXPECT_TRUE(ends_connection("57P01"));
    EXPECT_TRUE(ends_connection("25P03"));
    EXPECT_FALSE(ends_connection("57014"));
    EXPECT_FALSE(ends_connection("23505"));
    EXPECT_TRUE(is_repeatable("40001"));
    EXPECT_TRUE(is_repeatable("40P01"));
    EXPECT_FALSE(is_repeatable("40003"));
}

}  // namespace
}  // namespace leasehold::database
