#include "stream_trace.hpp"

#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/server_stream.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace leasehold::router::wire {
namespace {

using test::trace_of;
using lines = std::vector<std::string>;
constexpr auto in_query = server_stream::phase::query;

std::string header(char type, std::uint32_t length)
{
    return message_writer().byte(type).uint32(length).take();
}

std::string why(const std::string& bytes, server_stream::phase start)
{
    return trace_of<server_stream>(bytes, start).violation;
}

TEST(ServerStream, FollowsALogin)
{
    const std::array<error_field, 3> notice{{{'S', "NOTICE"}, {'C', "00000"}, {'M', "hello"}}};
    message_writer out;
    out.authentication_sasl({"SCRAM-SHA-256"})
        .authentication_sasl_continue("r=")
        .authentication_sasl_final("v=");
    out.authentication_ok().parameter_status("server_version", "15.8").notice_response(notice);
    out.backend_key_data(4711, "abcd").ready_for_query('I').command_complete("SELECT 1");
    const auto seen = trace_of<server_stream>(out.view());
    const lines wanted{
        "R24 code=10",
        "R11 code=11",
        "R11 code=12",
        "R9 code=0",
        "S25 name=server_version text=15.8",
        "N28",
        "K13 pid=4711",
        "Z6 status=I",
        "C14 text=SELECT 1"};
    EXPECT_EQ(seen.messages, wanted);
    EXPECT_EQ(seen.violation, "");
}

TEST(ServerStream, FollowsQueries)
{
    const std::array<error_field, 4> fatal{{{'S', "FATAL"}, {'V', "FATAL"}, {'C', "57P01"}, {'M', "bye"}}};
    const std::array<error_field, 4> error{{{'S', "FEHLER"}, {'V', "ERROR"}, {'C', "53200"}, {'M', "no"}}};
    const std::array<std::optional<std::string_view>, 1> row{"1"};
    message_writer out;
    out.row_description(std::array<column_description, 1>{{{.name = "a"}}})
        .data_row(row)
        .command_complete("SET");
    out.parse_complete().bind_complete().close_complete().no_data().begin('t').int16(0).end().begin('s').end(
    );
    out.empty_query_response().error_response(error).ready_for_query('E');
    out.begin('A').uint32(12).text("jobs").text("payload").end().begin('V').int32(-1).end();
    out.begin('G').byte(0).int16(0).end().begin('H').byte(0).int16(0).end().copy_data("x").copy_done();
    out.begin('W').byte(0).int16(0).end().error_response(fatal);
    const auto seen = trace_of<server_stream>(out.view(), in_query);
    const lines wanted{
        "T27",
        "D12",
        "C9 text=SET",
        "15",
        "25",
        "35",
        "n5",
        "t7",
        "s5",
        "I5",
        "E32 sqlstate=53200",
        "Z6 status=E",
        "A22 name=jobs pid=12",
        "V9",
        "G8",
        "H8",
        "d6",
        "c5",
        "W8",
        "E32 sqlstate=57P01 fatal"};
    EXPECT_EQ(seen.messages, wanted);
    EXPECT_EQ(seen.violation, "");
}

TEST(ServerStream, SortsTagsAndKeepsTheLastStatus)
{
    server_stream stream(in_query);
    EXPECT_EQ(stream.transaction_status(), '\0');
    EXPECT_EQ(
        stream.next(message_writer().command_complete("DISCARD ALL").view()).tag, tag_kind::discard_all
    );
    EXPECT_EQ(stream.next(message_writer().ready_for_query('T').view()).status, 'T');
    EXPECT_EQ(stream.transaction_status(), 'T');
}

TEST(ServerStream, TakesKeysOfFourTo256Bytes)
{
    for (const std::size_t size : {4U, 32U, 256U}) {
        const std::string key(size, 'k');
        const auto bytes = message_writer().backend_key_data(1, key).take();
        server_stream stream;
        EXPECT_EQ(stream.next(bytes).body, key);
    }
    for (const std::size_t size : {0U, 3U, 257U})
        EXPECT_EQ(
            why(message_writer().backend_key_data(1, std::string(size, 'k')).take(),
                server_stream::phase::login),
            "protocol_violation"
        );
}

TEST(ServerStream, StreamsLongErrorsAndKnowsTheirSqlstate)
{
    const std::string text(100'000, 'x');
    const std::array<error_field, 4> fields{{{'S', "ERROR"}, {'V', "ERROR"}, {'C', "22P02"}, {'M', text}}};
    const auto bytes = message_writer().error_response(fields).take();
    server_stream stream(in_query);
    EXPECT_EQ(stream.next(std::string_view(bytes).substr(0, 100)).what, server_event::kind::need_more);
    const auto first = stream.next(std::string_view(bytes).substr(0, 8192));
    EXPECT_EQ(first.sqlstate, "22P02");
    EXPECT_EQ(first.size, 8192U);
    EXPECT_FALSE(first.ends);
    const auto rest = stream.next(std::string_view(bytes).substr(8192));
    EXPECT_TRUE(rest.ends);
    EXPECT_FALSE(rest.begins);
}

TEST(ServerStream, RefusesWhatIsUnknownMalformedOrOutOfPlace)
{
    const auto login = server_stream::phase::login;
    for (const char type : {'Q', 'X', '\0', 'z', 'p'}) {
        EXPECT_EQ(why(std::string(1, type), in_query), "protocol_violation") << type;
        EXPECT_EQ(why(std::string(1, type), login), "protocol_violation") << type;
    }
    EXPECT_EQ(why(message_writer().authentication_ok().take(), in_query), "protocol_violation");
    EXPECT_EQ(why(message_writer().authentication_ok().take(), login), "");
    EXPECT_EQ(why(message_writer().command_complete("SET").take(), login), "protocol_violation");
    EXPECT_EQ(why(message_writer().command_complete("SET").take(), in_query), "");
    EXPECT_EQ(why(message_writer().ready_for_query('X').take(), in_query), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('Z').end().take(), in_query), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('C').bytes("SET").end().take(), in_query), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('S').text("a").end().take(), in_query), "protocol_violation");
    EXPECT_EQ(why(message_writer().begin('R').bytes("ab").end().take(), login), "protocol_violation");
    EXPECT_EQ(why(header('C', 9000), in_query), "protocol_violation");
    for (const std::uint32_t length : {0U, 3U, 0x4000'0000U, 0x7fff'ffffU, 0xffff'ffffU})
        EXPECT_EQ(why(header('D', length), in_query), "protocol_violation") << length;
}

}  // namespace
}  // namespace leasehold::router::wire
