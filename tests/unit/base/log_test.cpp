#include "log_line.hpp"

#include <leasehold/base/secret.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace leasehold::log {
namespace {

static_assert(!std::is_constructible_v<field, std::string_view, const secret<std::string>&>);

const wall_time at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 3);

std::string line_of(std::string_view event, const std::vector<field>& data)
{
    return to_json_line(at, log_level::info, event, data);
}

TEST(LogLine, IsOneJsonObjectWithTheFieldsInTheirOrder)
{
    EXPECT_EQ(
        line_of("tenant.created", {{"tenant", "abc"}, {"count", 3}, {"seconds", 0.5}, {"good", true}}),
        R"({"at":"2026-11-03T00:00:00.000Z","level":"info","event":"tenant.created","tenant":"abc","count":3,)"
        R"("seconds":0.500000,"good":true})"
    );
}

TEST(LogLine, OfAnObjectNestsAndStaysOneLineOfText)
{
    const nlohmann::ordered_json data{
        {"code", "a\nb\xff"}, {"keys", {{{"kind", "option"}, {"presented", "x"}}}}, {"empty", false}};
    EXPECT_EQ(
        to_json_line(at, log_level::warn, "x.y", data),
        "{\"at\":\"2026-11-03T00:00:00.000Z\",\"level\":\"warn\",\"event\":\"x.y\",\"code\":"
        "\"a\\nb\xef\xbf\xbd\","
        "\"keys\":[{\"kind\":\"option\",\"presented\":\"x\"}],\"empty\":false}"
    );
    EXPECT_EQ(
        to_text_line(at, log_level::warn, "x.y", data),
        "2026-11-03T00:00:00.000Z warn x.y code=\"a\\nb\xef\xbf\xbd\" "
        "keys=[{\"kind\":\"option\",\"presented\":\"x\"}] empty=false"
    );
}

TEST(LogLine, StaysOneLineOfJsonWhateverTheTextIs)
{
    std::string every;
    for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
    for (const auto& text :
         {every, std::string("a\nb\"c\\d"), std::string("\xf0\x9f"), std::string("\",\"level\":\"x")}) {
        const auto line = line_of("x.y", {{"text", text}});
        EXPECT_EQ(line.find('\n'), std::string::npos);
        const auto read = nlohmann::json::parse(line);
        EXPECT_EQ(read.at("level"), "info");
        EXPECT_EQ(read.size(), 4U);
    }
    EXPECT_EQ(
        nlohmann::json::parse(line_of("x.y", {{"text", "a\nb\"c\\d\xc3\xa4"}})).at("text"),
        "a\nb\"c\\d\xc3\xa4"
    );
}

TEST(LogLine, NumbersThatJsonDoesNotKnowAreNull)
{
    const auto read = nlohmann::json::parse(
        line_of("x.y", {{"a", std::nan("")}, {"b", std::numeric_limits<double>::infinity()}})
    );
    EXPECT_TRUE(read.at("a").is_null());
    EXPECT_TRUE(read.at("b").is_null());
}

TEST(LogLine, TextFormStaysOneLineToo)
{
    const std::vector<field> data{{"who", "a\nb"}, {"n", 1}};
    EXPECT_EQ(
        to_text_line(at, log_level::warn, "x.y", data), "2026-11-03T00:00:00.000Z warn x.y who=\"a\\nb\" n=1"
    );
}

std::string written(const std::function<void()>& work)
{
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
}

TEST(LogWrite, DropsWhatIsBelowTheLevel)
{
    configure(log_level::warn, form::json);
    const auto quiet = written([] { info("x.quiet"); });
    const auto loud = written([] { warn("x.loud"); });
    configure(log_level::info, form::json);
    EXPECT_EQ(quiet, "");
    EXPECT_EQ(nlohmann::json::parse(loud).at("event"), "x.loud");
    EXPECT_EQ(loud.back(), '\n');
}

TEST(LogFailure, SaysWhatAnErrorIs)
{
    const leasehold::error why(error_kind::unavailable, "broker_sealed", "the broker is sealed", "node 2");
    const auto read = nlohmann::json::parse(written([&] { failure("x.failed", why, {{"tenant", "abc"}}); }));
    EXPECT_EQ(read.at("level"), "warn");
    EXPECT_EQ(read.at("tenant"), "abc");
    EXPECT_EQ(read.at("code"), "broker_sealed");
    EXPECT_EQ(read.at("kind"), "unavailable");
    EXPECT_EQ(read.at("error"), "broker_sealed: the broker is sealed (node 2)");
}

TEST(LogFailure, AForeignExceptionIsInternal)
{
    const auto read = nlohmann::json::parse(written([] { failure("x.failed", std::runtime_error("boom")); }));
    EXPECT_EQ(read.at("level"), "error");
    EXPECT_EQ(read.at("kind"), "internal");
    EXPECT_EQ(read.at("error"), "boom");
}

}  // namespace
}  // namespace leasehold::log
