#include "stream_trace.hpp"

#include <leasehold/router/wire/client_stream.hpp>
#include <leasehold/router/wire/message_writer.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace leasehold::router::wire {
namespace {

using test::trace_of;
using lines = std::vector<std::string>;

std::string header(char type, std::uint32_t length)
{
    return message_writer().byte(type).uint32(length).take();
}

TEST(ClientStream, NamesEveryMessageWhereverItIsCut)
{
    message_writer out;
    out.query("select 1")
        .parse("s1", "select 2")
        .bind("p1", "s1", {})
        .describe('S', "s1")
        .describe('P', "p1");
    out.execute("p1").close('S', "s1").flush().sync().copy_data("a,b\n").copy_done().copy_fail("no");
    out.begin('F').int32(1).end().terminate();
    const auto seen = trace_of<client_stream>(out.view());
    const lines wanted{
        "Q14",
        "P19 statement=s1",
        "B17 statement=s1 portal=p1",
        "D9 statement=s1 target=S",
        "D9 portal=p1 target=P",
        "E12 portal=p1",
        "C9 statement=s1 target=S",
        "H5",
        "S5",
        "d9",
        "c5",
        "f8",
        "F9",
        "X5"};
    EXPECT_EQ(seen.messages, wanted);
    EXPECT_EQ(seen.passed, out.size());
    EXPECT_EQ(seen.violation, "");
}

TEST(ClientStream, SaysWhatOwesAReadyForQuery)
{
    const auto owes = [](const message_writer& out) {
        client_stream stream;
        return stream.next(out.view()).owes_ready();
    };
    EXPECT_TRUE(owes(message_writer().query("x")));
    EXPECT_TRUE(owes(message_writer().sync()));
    EXPECT_TRUE(owes(message_writer().begin('F').int32(1).end()));
    EXPECT_FALSE(owes(message_writer().parse("", "x")));
    EXPECT_FALSE(owes(message_writer().execute("")));
    EXPECT_FALSE(owes(message_writer().flush()));
    EXPECT_FALSE(owes(message_writer().copy_done()));
}

TEST(ClientStream, FindsSessionFeaturesInQueryAndParseOnly)
{
    const auto found = [](const message_writer& out) { return trace_of<client_stream>(out.view()).found; };
    EXPECT_TRUE(found(message_writer().query("listen x")).has(session_feature::listen));
    EXPECT_TRUE(found(message_writer().parse("", "set a = 1")).has(session_feature::set));
    EXPECT_TRUE(found(message_writer().parse("name", "select 1")).has(session_feature::named_statement));
    EXPECT_FALSE(found(message_writer().parse("", "select 1")).any());
    EXPECT_FALSE(
        found(message_writer().parse("", "select 'x'; ", std::vector<std::uint32_t>{0x4c49'5354})).any()
    );
    EXPECT_FALSE(found(message_writer().copy_data("listen x")).any());
    EXPECT_FALSE(found(message_writer().query("select 1").copy_data("listen x").query("select 2")).any());
}

TEST(ClientStream, ReportsAFeatureOfEachMessageAnew)
{
    message_writer out;
    out.query("listen a").query("select 1").query("listen b");
    client_stream stream;
    std::vector<bool> found;
    for (auto rest = out.view(); !rest.empty();) {
        const auto event = stream.next(rest);
        ASSERT_EQ(event.what, client_event::kind::piece);
        found.push_back(event.found.has(session_feature::listen));
        rest.remove_prefix(event.size);
    }
    EXPECT_EQ(found, (std::vector<bool>{true, false, true}));
}

TEST(ClientStream, StreamsAMessageOfAGibibyteWithoutKeepingIt)
{
    client_stream stream;
    auto event = stream.next(header('d', message_length_max));
    ASSERT_EQ(event.what, client_event::kind::piece);
    EXPECT_TRUE(event.begins);
    EXPECT_EQ(event.total, std::size_t{message_length_max} + 1);
    const std::string chunk(1U << 20U, 'x');
    std::size_t left = message_length_max - 4;
    while (left > 0) {
        event = stream.next(chunk);
        ASSERT_EQ(event.what, client_event::kind::piece);
        ASSERT_LE(event.size, left);
        left -= event.size;
    }
    EXPECT_TRUE(event.ends);
    EXPECT_TRUE(stream.at_boundary());
    EXPECT_EQ(stream.next(message_writer().sync().view()).type, 'S');
}

TEST(ClientStream, RefusesLengthsAndTypesThatCannotBe)
{
    const auto why = [](const std::string& bytes) { return trace_of<client_stream>(bytes).violation; };
    for (const std::uint32_t length : {0U, 3U, 0x4000'0000U, 0x7fff'ffffU, 0xffff'ffffU})
        EXPECT_EQ(why(header('Q', length)), "protocol_violation") << length;
    for (const char type : {'S', 'H', 'c'}) {
        EXPECT_EQ(why(header(type, 4)), "");
        EXPECT_EQ(why(header(type, 5)), "protocol_violation") << type;
    }
    for (const char type : {'D', 'E', 'C', 'f', 'X'})
        EXPECT_EQ(why(header(type, 10'001)), "protocol_violation") << type;
    for (const char type : {'p', 'Z', '\0', 'q', '\x16'})
        EXPECT_EQ(why(std::string(1, type)), "protocol_violation");
}

TEST(ClientStream, RefusesNamesThatDoNotEndOrAreTooLong)
{
    const auto why = [](const message_writer& out) { return trace_of<client_stream>(out.view()).violation; };
    const std::string longest(name_size_max, 'n');
    EXPECT_EQ(why(message_writer().parse(longest, "select 1")), "");
    EXPECT_EQ(why(message_writer().parse(longest + "n", "select 1")), "protocol_violation");
    EXPECT_EQ(why(message_writer().bind(longest, longest, {})), "");
    EXPECT_EQ(why(message_writer().bind("", longest + "n", {})), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('E').bytes("abc").end()), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('P').end()), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('D').end()), "protocol_violation");
    EXPECT_EQ(why(message_writer().describe('x', "name")), "protocol_violation");
}

TEST(ClientStream, StaysBroken)
{
    client_stream stream;
    EXPECT_EQ(stream.next("?").what, client_event::kind::violation);
    EXPECT_TRUE(stream.is_broken());
    EXPECT_EQ(stream.next(message_writer().sync().view()).what, client_event::kind::violation);
}

}  // namespace
}  // namespace leasehold::router::wire
