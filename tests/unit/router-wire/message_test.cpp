#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/message_writer.hpp>

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace leasehold::router::wire {
namespace {

using namespace std::string_view_literals;

std::string header(char type, std::uint32_t length)
{
    return message_writer().byte(type).uint32(length).take();
}

TEST(ScanMessage, NeedsAHeaderAndThenTellsWhatIsThere)
{
    const auto whole = message_writer().query("select 1").take() + "next";
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        const auto frame = scan_message(std::string_view(whole).substr(0, cut));
        const auto wanted = cut < header_size ? message_frame::state::need_more
                            : cut < 14        ? message_frame::state::partial
                                              : message_frame::state::complete;
        EXPECT_EQ(frame.found, wanted) << cut;
        if (cut < header_size) continue;
        EXPECT_EQ(frame.type, 'Q');
        EXPECT_EQ(frame.size(), 14U);
        EXPECT_EQ(frame.body, "select 1\0"sv.substr(0, cut - header_size));
    }
}

TEST(ScanMessage, RefusesLengthsThatCannotBe)
{
    for (const std::uint32_t length : {0U, 3U, 0x4000'0000U, 0x7fff'ffffU, 0x8000'0000U, 0xffff'ffffU})
        EXPECT_TRUE(scan_message(header('Q', length)).is_refused()) << length;
    EXPECT_EQ(scan_message(header('Q', 4)).found, message_frame::state::complete);
    EXPECT_EQ(scan_message(header('Q', message_length_max)).found, message_frame::state::partial);
    EXPECT_TRUE(scan_message(header('p', sasl_length_max + 1), sasl_length_max).is_refused());
    EXPECT_EQ(
        scan_message(header('p', sasl_length_max), sasl_length_max).found, message_frame::state::partial
    );
}

TEST(IsKnownType, TellsTheDirections)
{
    EXPECT_TRUE(is_known_type('Q', direction::from_client));
    EXPECT_FALSE(is_known_type('Q', direction::from_server));
    EXPECT_TRUE(is_known_type('Z', direction::from_server));
    EXPECT_FALSE(is_known_type('Z', direction::from_client));
    EXPECT_FALSE(is_known_type('p', direction::from_client));
    EXPECT_FALSE(is_known_type('\0', direction::from_client));
}

TEST(MessageWriter, WritesTheBytesOfTheProtocol)
{
    message_writer out;
    const auto bytes = [&] {
        auto all = out.take();
        return all;
    };
    EXPECT_EQ((out.authentication_ok(), bytes()), "R\0\0\0\x08\0\0\0\0"sv);
    EXPECT_EQ((out.ready_for_query('I'), bytes()), "Z\0\0\0\x05I"sv);
    EXPECT_EQ((out.sync(), bytes()), "S\0\0\0\x04"sv);
    EXPECT_EQ((out.terminate(), bytes()), "X\0\0\0\x04"sv);
    EXPECT_EQ((out.ssl_request(), bytes()), "\0\0\0\x08\x04\xd2\x16\x2f"sv);
    EXPECT_EQ(
        (out.cancel_request(1, "abcd"), bytes()),
        "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01"
        "abcd"sv
    );
    EXPECT_EQ(
        (out.backend_key_data(2, "abcd"), bytes()),
        "K\0\0\0\x0c\0\0\0\x02"
        "abcd"sv
    );
    EXPECT_EQ(
        (out.authentication_sasl({"A", "B"}), bytes()),
        "R\0\0\0\x0d\0\0\0\x0a"
        "A\0B\0\0"sv
    );
    EXPECT_EQ((out.sasl_initial_response("M", "xy"), bytes()), "p\0\0\0\x0cM\0\0\0\0\x02xy"sv);
    EXPECT_EQ(
        (out.parameter_status("a", "b"), bytes()),
        "S\0\0\0\x08"
        "a\0b\0"sv
    );
    EXPECT_EQ((out.execute("", 1), bytes()), "E\0\0\0\x09\0\0\0\0\x01"sv);
    EXPECT_EQ((out.describe('S', "s"), bytes()), "D\0\0\0\x07Ss\0"sv);
    EXPECT_EQ((out.parse("s", "q", std::array{25U}), bytes()), "P\0\0\0\x0es\0q\0\0\x01\0\0\0\x19"sv);
    const std::array<std::optional<std::string_view>, 2> values{"v", std::nullopt};
    EXPECT_EQ(
        (out.bind("", "s", values), bytes()), "B\0\0\0\x16\0s\0\0\0\0\x02\0\0\0\x01v\xff\xff\xff\xff\0\0"sv
    );
    const std::array unknown{"_pq_.x"sv};
    EXPECT_EQ(
        (out.negotiate_protocol_version(0x30002, unknown), bytes()),
        "v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0"sv
    );
}

TEST(MessageWriter, EndsATextAtItsFirstNul)
{
    EXPECT_EQ(message_writer().query("a\0b"sv).view(), message_writer().query("a").view());
}

TEST(MessageWriter, GathersSeveralMessagesAndKeepsItsMemoryWhenCleared)
{
    message_writer out;
    out.parse("", "select 1").bind("", "", {}).execute("").sync();
    std::string types;
    for (auto rest = out.view(); !rest.empty();) {
        const auto frame = scan_message(rest);
        ASSERT_TRUE(frame.is_complete());
        types += frame.type;
        rest.remove_prefix(frame.size());
    }
    EXPECT_EQ(types, "PBES");
    out.clear();
    EXPECT_TRUE(out.empty());
}

TEST(BodyReader, FailsOnceAndStaysFailed)
{
    body_reader reader("\0\x05z"sv);
    EXPECT_EQ(reader.int16(), 5);
    EXPECT_EQ(reader.int32(), 0);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.byte(), '\0');
    EXPECT_FALSE(reader.at_end());
    EXPECT_EQ(body_reader("no end").text(), "");
    EXPECT_EQ(body_reader("\xff\xff\xff\xfe"sv).int32(), -2);
}

TEST(ErrorFields, FindsFieldsOfWholeAndOfCutBodies)
{
    const std::array<error_field, 5> all{
        {{'S', "FATAL"}, {'V', "FATAL"}, {'C', "53300"}, {'M', "too many"}, {'R', "InitPostgres"}}};
    const auto bytes = message_writer().error_response(all).take();
    const auto body = std::string_view(bytes).substr(header_size);
    const error_fields fields(body);
    EXPECT_EQ(fields.sqlstate(), "53300");
    EXPECT_EQ(fields.message(), "too many");
    EXPECT_EQ(fields.routine(), "InitPostgres");
    EXPECT_EQ(fields.find('H'), std::nullopt);
    EXPECT_TRUE(fields.is_fatal());
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        const auto seen = error_fields(body.substr(0, cut)).sqlstate();
        EXPECT_TRUE(seen.empty() || seen == "53300") << cut;
    }
}

TEST(RowReaders, GiveBackWhatTheWriterWasTold)
{
    const std::array<column_description, 2> columns{
        {{.name = "id", .type_oid = 20, .type_size = 8}, {.name = "note"}}};
    const auto described = message_writer().row_description(columns).take();
    row_description_reader names(std::string_view(described).substr(header_size));
    ASSERT_EQ(names.count(), 2U);
    const auto id = names.next();
    ASSERT_TRUE(id);
    EXPECT_EQ(id->name, "id");
    EXPECT_EQ(id->type_oid, 20U);
    EXPECT_EQ(id->type_size, 8);
    EXPECT_EQ(names.next()->name, "note");
    EXPECT_FALSE(names.next());
    EXPECT_TRUE(names.ok());

    std::mt19937 draw(11);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::optional<std::string>> told(draw() % 9);
        for (auto& value : told)
            if (draw() % 4 != 0) value = std::string(draw() % 50, static_cast<char>(draw() % 256));
        const std::vector<std::optional<std::string_view>> views(told.begin(), told.end());
        const auto bytes = message_writer().data_row(views).take();
        data_row_reader row(std::string_view(bytes).substr(header_size));
        std::vector<std::optional<std::string>> read;
        while (const auto value = row.next())
            read.push_back(value->is_null ? std::nullopt : std::optional<std::string>(value->bytes));
        EXPECT_EQ(read, told);
        EXPECT_TRUE(row.ok());
    }
}

TEST(RowReaders, StopAtABrokenBody)
{
    const std::array<std::optional<std::string_view>, 2> values{"abc", "def"};
    const auto bytes = message_writer().data_row(values).take();
    const auto body = std::string_view(bytes).substr(header_size);
    for (std::size_t cut = 2; cut < body.size(); ++cut) {
        data_row_reader row(body.substr(0, cut));
        std::size_t read = 0;
        while (row.next()) ++read;
        EXPECT_LT(read, 2U);
        EXPECT_FALSE(row.ok());
    }
    for (const auto length : {"\x7f\xff\xff\xff"sv, "\xff\xff\xff\xfe"sv, "\x80\0\0\0"sv}) {
        const auto claim = std::string("\0\x01"sv) + std::string(length);
        data_row_reader row(claim);
        EXPECT_FALSE(row.next());
        EXPECT_FALSE(row.ok());
    }
    row_description_reader columns("\x7f\xff"sv);
    EXPECT_FALSE(columns.next());
    EXPECT_FALSE(columns.ok());
}

TEST(CommandTag, IsSortedAndCounted)
{
    EXPECT_EQ(classify_tag("SET"), tag_kind::set);
    EXPECT_EQ(classify_tag("DISCARD ALL"), tag_kind::discard_all);
    EXPECT_EQ(classify_tag("DEALLOCATE ALL"), tag_kind::deallocate_all);
    EXPECT_EQ(classify_tag("LISTEN"), tag_kind::listen);
    EXPECT_EQ(classify_tag("CLOSE CURSOR ALL"), tag_kind::close_all);
    EXPECT_EQ(classify_tag("SELECT 1"), tag_kind::other);
    EXPECT_EQ(classify_tag("SETS"), tag_kind::other);
    EXPECT_EQ(rows_of_tag("SELECT 3"), 3U);
    EXPECT_EQ(rows_of_tag("INSERT 0 5"), 5U);
    EXPECT_EQ(rows_of_tag("COPY 1000000"), 1'000'000U);
    EXPECT_EQ(rows_of_tag("BEGIN"), std::nullopt);
    EXPECT_EQ(rows_of_tag("DISCARD ALL"), std::nullopt);
    EXPECT_EQ(rows_of_tag("SELECT "), std::nullopt);
    EXPECT_EQ(rows_of_tag("SELECT 99999999999999999999999"), std::nullopt);
}

}  // namespace
}  // namespace leasehold::router::wire
