#include "header.hpp"

#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

namespace leasehold::migrations {
namespace {

using std::chrono::milliseconds;

directives read(std::string_view lines)
{
    return parse_header("0001_create_a.sql", lines);
}

TEST(Header, NeedsNothingButThePhase)
{
    const auto head = read("-- leasehold: phase expand\ncreate table a ();\n");
    EXPECT_EQ(head.phase, phase::expand);
    EXPECT_FALSE(head.lock_timeout);  // as the configuration says
    EXPECT_FALSE(head.statement_timeout);
    EXPECT_FALSE(head.no_transaction);
    EXPECT_FALSE(head.repeat);
}

TEST(Header, ReadsEveryDirective)
{
    const auto head = read("-- leasehold: phase contract\n"
                           "-- leasehold: lock_timeout 500ms\n"
                           "-- leasehold: statement_timeout 5m\n"
                           "-- leasehold: no-transaction\n"
                           "-- leasehold: repeat 250ms\n"
                           "-- leasehold: requires 0003\n"
                           "-- leasehold: allow M201 the table is empty\n"
                           "drop table a;\n");
    EXPECT_EQ(head.phase, phase::contract);
    EXPECT_EQ(head.lock_timeout, milliseconds(500));
    EXPECT_EQ(head.statement_timeout, std::chrono::minutes(5));
    EXPECT_TRUE(head.no_transaction);
    EXPECT_EQ(head.repeat, milliseconds(250));
}

TEST(Header, EndsWithTheFirstOtherLine)
{
    const auto head = read("-- leasehold: phase expand\n-- why\n-- leasehold: lock_timeout 9s\n");
    EXPECT_FALSE(head.lock_timeout);
}

TEST(Header, RefusesWhatItDoesNotKnow)
{
    for (const char* lines : {
             "create table a ();\n",                                        // no phase
             "-- leasehold: phase later\n",                                 // no such phase
             "-- leasehold: phase expand\n-- leasehold: lock_timout 2s\n",  // mistyped
             "-- leasehold: phase expand\n-- leasehold: lock_timeout 2\n",  // no unit
             "-- leasehold: phase expand\n-- leasehold: lock_timeout -1s\n",
             "-- leasehold: phase expand\n-- leasehold: lock_timeout 11s\n",  // more than tenants may wait
             "-- leasehold: phase expand\n-- leasehold: lock_timeout 1ms\n",
             "-- leasehold: phase expand\n-- leasehold: statement_timeout 2h\n",
             "-- leasehold: phase expand\n-- leasehold: repeat 2m\n",
         }) {
        try {
            read(lines);
            ADD_FAILURE() << lines;
        } catch (const error& refused) {
            EXPECT_EQ(refused.code(), "migration_header");
            EXPECT_NE(refused.detail().find("0001_create_a.sql"), std::string::npos);
        }
    }
}

TEST(LineEnds, OnlyCrLfIsTurned)
{
    EXPECT_EQ(normalise_line_ends("a\r\nb\rc\n"), "a\nb\rc\n");
    EXPECT_EQ(normalise_line_ends("a\r"), "a\r");
}

}  // namespace
}  // namespace leasehold::migrations
