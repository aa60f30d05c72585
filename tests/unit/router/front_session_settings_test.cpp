#include "front/session_settings.hpp"

#include <leasehold/router/wire/message_writer.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace leasehold::router {
namespace {

std::variant<session_settings, wire::violation> read(std::vector<wire::startup_pair> pairs)
{
    wire::message_writer writer;
    pairs.insert(pairs.begin(), {"user", "key"});
    writer.startup(wire::protocol_3_0, pairs);
    static std::string bytes;  // the message's views point there
    bytes = writer.take();
    wire::startup_parser parser;
    const auto packet = parser.next(bytes);
    return read_session_settings(std::get<wire::startup_message>(packet));
}

TEST(SessionSettings, TakesWhatIsOnTheListAndIgnoresTheRest)
{
    const auto found = std::get<session_settings>(read(
        {{"application_name", "psql"},
         {"DateStyle", "ISO"},
         {"no_such_thing", "1"},
         {"options",
          "-c statement_timeout=5s --TimeZone=UTC -c leasehold.tenant=acme -c zero_damaged_pages=on"}}
    ));
    const relay::parameter_set wanted{
        {"application_name", "psql"}, {"datestyle", "ISO"}, {"statement_timeout", "5s"}, {"timezone", "UTC"}};
    EXPECT_EQ(found.parameters, wanted);
    EXPECT_EQ(found.tenant_option, "acme");
    EXPECT_EQ(found.ignored, 2U);
    EXPECT_FALSE(found.session_mode);
}

TEST(SessionSettings, KnowsItsOwnOptionsAndNoOthers)
{
    EXPECT_TRUE(std::get<session_settings>(read({{"options", "-c leasehold.pool_mode=session"}})).session_mode
    );
    EXPECT_EQ(std::get<session_settings>(read({{"options", "-c leasehold.min_schema=7"}})).min_schema, 7);
    for (const auto* refused :
         {"-c leasehold.superuser=on",
          "-c leasehold.pool_mode=statement",
          "-c leasehold.min_schema=x",
          "nonsense"}) {
        EXPECT_TRUE(std::holds_alternative<wire::violation>(read({{"options", refused}}))) << refused;
    }
}

}  // namespace
}  // namespace leasehold::router
