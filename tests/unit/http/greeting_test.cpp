#include "greeting.hpp"

#include <gtest/gtest.h>

namespace leasehold::http {
namespace {

TEST(Greeting, IsRecognisedByItsFirstBytes)
{
    EXPECT_EQ(recognise("GET / HTTP/1.1"), greeting::http);
    EXPECT_EQ(recognise("\x16\x03\x01"), greeting::tls);
    EXPECT_EQ(recognise(std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8)), greeting::postgresql)
        << "SSLRequest";
    EXPECT_EQ(recognise(std::string_view("\0\0\0\x29\0\x03\0\0", 8)), greeting::postgresql)
        << "StartupMessage";
    EXPECT_EQ(recognise("get / HTTP/1.1"), greeting::unknown);
    EXPECT_EQ(recognise(""), greeting::unknown);
}

TEST(Greeting, OfPostgresqlIsAnsweredInItsLanguage)
{
    const auto answer = answer_to(greeting::postgresql, false);
    ASSERT_GT(answer.size(), 5U);
    EXPECT_EQ(answer[0], 'E');
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(answer[3])) * 256 +
                        static_cast<unsigned char>(answer[4]);
    EXPECT_EQ(length, answer.size() - 1);
    EXPECT_NE(answer.find("http_expected"), std::string::npos);
}

}  // namespace
}  // namespace leasehold::http
