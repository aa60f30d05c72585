#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <string>

namespace leasehold {
namespace {

constexpr error_kind kinds[] = {
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

const error_kind* find_kind(const std::string& name)
{
    for (const auto& kind : kinds)
        if (facts_of(kind).name == name) return &kind;
    return nullptr;
}

TEST(ErrorDocs, C24_EachCodeOfThePageSaysWhatTheErrorTableSays)
{
    std::ifstream page(LEASEHOLD_SOURCE_FOLDER "/docs/errors.md");
    const std::regex heading("### ([a-z0-9_]+)");
    const std::regex facts(R"((\w+) · HTTP (\d+) · SQLSTATE (\w{5}) · exit (\d+)\\?)");
    // Before there is a request, or to a session that goes on: no error of the table.
    const std::regex beside_the_table("(HTTP 400|Notice) · .*");
    std::set<std::string> codes;
    std::set<std::string> with_facts;
    std::set<std::string> with_fix;
    std::string code;
    for (std::string line; std::getline(page, line);) {
        std::smatch found;
        if (std::regex_match(line, found, heading)) {
            code = found[1];
            EXPECT_TRUE(codes.insert(code).second) << code << " is there twice";
        } else if (std::regex_match(line, found, facts)) {
            const auto* kind = find_kind(found[1]);
            ASSERT_NE(kind, nullptr) << code;
            EXPECT_EQ(std::to_string(http_status_of(*kind, code)), found[2]) << code;
            EXPECT_EQ(sqlstate_of(*kind, code), found[3].str()) << code;
            EXPECT_EQ(std::to_string(exit_code_of(*kind, code)), found[4]) << code;
            with_facts.insert(code);
        } else if (std::regex_match(line, beside_the_table)) {
            with_facts.insert(code);
        } else if (line.rfind("Fix: ", 0) == 0) {
            with_fix.insert(code);
        }
    }
    EXPECT_GT(codes.size(), 100U);
    EXPECT_EQ(codes, with_facts);
    EXPECT_EQ(codes, with_fix);
}

TEST(ErrorDocs, C24_EveryCodeThatIsRaisedIsOnThePageAndTheOtherWayRound)
{
    const std::string folder = LEASEHOLD_SOURCE_FOLDER;
    const auto command = "python3 '" + folder + "/tools/lint_docs.py' '" + folder + "' 1>&2";
    EXPECT_EQ(
        std::system(command.c_str()), 0
    );  // NOLINT(concurrency-mt-unsafe): a test program of one thread
}

}  // namespace
}  // namespace leasehold
