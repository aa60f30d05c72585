#include <leasehold/http/client.hpp>

#include <gtest/gtest.h>

namespace leasehold::http {
namespace {

TEST(Origin, ReadsSchemeHostAndPort)
{
    const auto tls = origin::parse("https://Broker.Example:8200");
    ASSERT_TRUE(tls);
    EXPECT_TRUE(tls->tls);
    EXPECT_EQ(tls->host, "broker.example");
    EXPECT_EQ(tls->port, 8200);
    EXPECT_EQ(tls->to_string(), "https://broker.example:8200");

    EXPECT_EQ(origin::parse("https://h")->port, 443);
    EXPECT_EQ(origin::parse("http://h/")->port, 80);
    const auto v6 = origin::parse("http://[::1]:8200");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->to_string(), "http://[::1]:8200");
}

TEST(Origin, RefusesWhatIsNotOne)
{
    ASSERT_TRUE(origin::parse("http://h:1"));
    for (const auto* text :
         {"",
          "h",
          "h:1",
          "ftp://h",
          "http://",
          "http://h/path",
          "http://h?x",
          "http://h#x",
          "http://u@h",
          "http://u:p@h",
          "http://h:0",
          "http://h:99999",
          "http://h:x"}) {
        EXPECT_FALSE(origin::parse(text)) << text;
    }
}

TEST(Headers, CompareNamesWithoutCase)
{
    headers fields;
    fields.set("Content-Type", "a");
    fields.set("content-type", "b");
    EXPECT_EQ(fields.all().size(), 1U);
    EXPECT_EQ(fields.find("CONTENT-TYPE").value_or(""), "b");
    fields.add("Set-Cookie", "1");
    fields.add("Set-Cookie", "2");
    EXPECT_EQ(fields.all().size(), 3U);
    EXPECT_EQ(fields.find("set-cookie").value_or(""), "1");
    EXPECT_FALSE(fields.find("cookie"));
}

TEST(ExchangeError, TellsTheKindOfEachFailure)
{
    const exchange_error lost(exchange_failure::answer_lost, true, "x");
    EXPECT_EQ(lost.kind(), error_kind::unavailable);
    EXPECT_EQ(lost.code(), "http_answer_lost");
    EXPECT_TRUE(lost.request_sent());
    const exchange_error large(exchange_failure::too_large, true, "x");
    EXPECT_EQ(large.kind(), error_kind::protocol);
    EXPECT_EQ(large.code(), "http_answer_too_large");
}

}  // namespace
}  // namespace leasehold::http
