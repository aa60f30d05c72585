#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

// Whether tests/compile-fail/verified_license.cpp compiles with these options, by the compiler of this build.
bool compiles(const std::string& options)
{
    const std::string folder = LEASEHOLD_SOURCE_FOLDER;
    const auto command = std::string(LEASEHOLD_CXX_COMPILER) + " -std=c++20 -fsyntax-only " + options +
                         " -I'" + folder + "/base/include' '" + folder +
                         "/tests/compile-fail/verified_license.cpp' 2>/dev/null";
    return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): a test program of one thread
}

TEST(VerifiedLicense, W6_OnlyVerificationMakesOne)
{
    ASSERT_TRUE(compiles("")) << "the positive control must compile";
    EXPECT_FALSE(compiles("-DMADE_FROM_CLAIMS"));
    EXPECT_FALSE(compiles("-DMADE_FROM_NOTHING"));
    EXPECT_FALSE(compiles("-DMADE_FROM_BRACES"));
    EXPECT_FALSE(compiles("-DCLAIMS_CHANGED"));
    ASSERT_TRUE(compiles("-DNO_SUCH_CASE")) << "a define alone must not be what fails";
}

}  // namespace
