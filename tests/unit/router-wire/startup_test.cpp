#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace leasehold::router::wire {
namespace {

using pairs = std::vector<startup_pair>;

std::string packet(std::uint32_t version, const pairs& parameters)
{
    return message_writer().startup(version, parameters).take();
}

// A packet whose body is exactly this.
std::string raw_packet(std::uint32_t code, std::string_view body)
{
    const auto length = static_cast<std::uint32_t>(8 + body.size());
    return message_writer().uint32(length).uint32(code).bytes(body).take();
}

first_packet parse(std::string_view bytes)
{
    return startup_parser().next(bytes);
}

std::string code_of(const first_packet& packet)
{
    const auto* wrong = std::get_if<violation>(&packet);
    return wrong == nullptr ? "" : std::string(wrong->code);
}

std::string why_refused(std::uint32_t version, std::string_view body)
{
    return code_of(parse(raw_packet(version, body)));
}

TEST(StartupParser, ReadsTheParametersOfAStartupMessage)
{
    const auto bytes =
        packet(protocol_3_0, {{"user", "key.acme"}, {"database", "acme"}, {"TimeZone", "UTC"}});
    startup_parser parser;
    const auto got = parser.next(bytes);
    const auto& message = std::get<startup_message>(got);
    EXPECT_EQ(message.user(), "key.acme");
    EXPECT_EQ(message.database(), "acme");
    EXPECT_EQ(message.find("TimeZone"), "UTC");
    EXPECT_EQ(message.find("timezone"), std::nullopt);
    EXPECT_EQ(message.options(), "");
    EXPECT_EQ(message.version(), protocol_3_0);
    EXPECT_FALSE(message.needs_negotiation());
    EXPECT_EQ(parser.consumed(), bytes.size());
}

TEST(StartupParser, WantsMoreAtEveryCutAndNeverTakesPartForAll)
{
    const std::array packets{
        packet(protocol_3_0, {{"user", "u"}, {"database", "d"}}),
        message_writer().ssl_request().take(),
        message_writer().gssenc_request().take(),
        message_writer().cancel_request(7, "abcd").take(),
        std::string("GET / HTTP/1.1"),
    };
    for (const auto& whole : packets) {
        const auto needed = whole.starts_with("GET") ? 4 : whole.size();
        for (std::size_t cut = 0; cut < needed; ++cut) {
            startup_parser parser;
            const auto early = parser.next(whole.substr(0, cut));
            ASSERT_TRUE(std::holds_alternative<need_more>(early)) << cut;
            EXPECT_GT(std::get<need_more>(early).total, cut);
            EXPECT_EQ(parser.consumed(), 0U);
            const auto late = parser.next(whole);
            EXPECT_FALSE(std::holds_alternative<need_more>(late));
            EXPECT_EQ(code_of(late), "");
        }
    }
}

TEST(StartupParser, RefusesLengthsOutsideEightToTenThousandBeforeTheRestComes)
{
    for (const std::uint32_t length : {0U, 1U, 7U, 10'001U, 65'536U, 0x7fff'ffffU, 0xffff'ffffU}) {
        const auto bytes = message_writer().uint32(length).take();
        EXPECT_EQ(code_of(parse(bytes)), "protocol_violation") << length;
    }
    const auto longest = message_writer().uint32(10'000).take();
    EXPECT_TRUE(std::holds_alternative<need_more>(parse(longest)));
    const auto junk = std::string("\x01", 1);
    EXPECT_EQ(code_of(parse(junk)), "protocol_violation");
}

TEST(StartupParser, RefusesWhatIsNoListOfPairs)
{
    const auto with = [](std::string_view body) { return why_refused(protocol_3_0, body); };
    using namespace std::string_view_literals;
    EXPECT_EQ(with("user\0u\0\0"sv), "");
    EXPECT_EQ(with("user\0u\0"sv), "protocol_violation");              // no last NUL: an odd list
    EXPECT_EQ(with("user\0u"sv), "protocol_violation");                // no end at all
    EXPECT_EQ(with("user\0u\0database\0\0"sv), "protocol_violation");  // a name without a value
    EXPECT_EQ(with("user\0u\0\0x\0\0"sv), "protocol_violation");       // an empty name
    EXPECT_EQ(with("user\0u\0\0\0"sv), "protocol_violation");
    EXPECT_EQ(with("user\0u\0user\0u\0\0"sv), "protocol_violation");  // twice
    EXPECT_EQ(with("database\0d\0\0"sv), "protocol_violation");       // no user
    EXPECT_EQ(with("user\0\0\0"sv), "protocol_violation");            // an empty one
    EXPECT_EQ(with("\0"sv), "protocol_violation");
    EXPECT_EQ(with(""sv), "protocol_violation");
}

TEST(StartupParser, AcceptsUtf8Only)
{
    const auto with = [](const std::string& name) {
        return why_refused(protocol_3_0, std::string("user") + '\0' + name + '\0' + '\0');
    };
    for (const char* good : {"plain", "größe", "日本", "\xf0\x9f\x90\x98", "\xf4\x8f\xbf\xbf"})
        EXPECT_EQ(with(good), "") << good;
    for (const char* bad :
         {"\x80",
          "\xff",
          "\xc3",
          "\xc0\x80",
          "\xc1\xbf",
          "\xe0\x80\x80",
          "\xed\xa0\x80",
          "\xf0\x80\x80\x80",
          "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80",
          "a\xe2\x82",
          "\xe2\x28\xa1"})
        EXPECT_EQ(with(bad), "protocol_violation");
}

TEST(StartupParser, RefusesManyParametersBeforeComparingThem)
{
    const auto with = [](int count) {
        std::string body = std::string("user") + '\0' + "u" + '\0';
        for (int i = 1; i < count; ++i) body += "n" + std::to_string(i) + '\0' + "v" + '\0';
        return why_refused(protocol_3_0, body + '\0');
    };
    EXPECT_EQ(with(128), "");
    EXPECT_EQ(with(129), "protocol_violation");
}

TEST(StartupParser, RefusesReplicationUnlessItIsFalse)
{
    const auto with = [](std::string_view value) {
        return code_of(parse(packet(protocol_3_0, {{"user", "u"}, {"replication", value}})));
    };
    for (const char* off : {"false", "off", "no", "0", "f", "FALSE"}) EXPECT_EQ(with(off), "") << off;
    for (const char* on : {"true", "on", "database", "1", "yes", "o", "", "falsehood"})
        EXPECT_EQ(with(on), "protocol_unsupported") << on;
}

TEST(StartupParser, NegotiatesNewerMinorsAndUnknownExtensions)
{
    const auto with = [](std::uint32_t version, const pairs& more) {
        pairs all{{"user", "u"}};
        all.insert(all.end(), more.begin(), more.end());
        return packet(version, all);
    };
    const auto spoken = [](const std::string& bytes) {
        return std::get<startup_message>(parse(bytes)).version();
    };
    const auto owed = [](const std::string& bytes) {
        return std::get<startup_message>(parse(bytes)).needs_negotiation();
    };
    EXPECT_EQ(spoken(with(protocol_3_2, {})), protocol_3_2);
    EXPECT_FALSE(owed(with(protocol_3_2, {})));
    EXPECT_EQ(spoken(with(protocol_3_0 | 1U, {})), protocol_3_0);
    EXPECT_TRUE(owed(with(protocol_3_0 | 1U, {})));
    EXPECT_EQ(spoken(with(protocol_3_0 | 9999U, {})), protocol_3_2);
    EXPECT_TRUE(owed(with(protocol_3_0 | 9999U, {})));
    const auto extended = with(protocol_3_0, {{"_pq_.compression", "zstd"}, {"_pq_.other", ""}, {"a", "b"}});
    EXPECT_TRUE(owed(extended));
    const std::vector<std::string_view> names{"_pq_.compression", "_pq_.other"};
    EXPECT_EQ(std::get<startup_message>(parse(extended)).protocol_extensions(), names);
    for (const std::uint32_t other : {2U << 16U, 4U << 16U, 1234U << 16U, 0U})
        EXPECT_EQ(why_refused(other, std::string_view("user\0u\0\0", 8)), "protocol_unsupported") << other;
}

TEST(StartupParser, ReadsCancelKeysOfBothProtocols)
{
    for (const std::size_t size : {4U, 32U, 256U}) {
        const std::string key(size, 'k');
        const auto bytes = message_writer().cancel_request(0x01020304, key).take();
        const auto got = parse(bytes);
        EXPECT_EQ(std::get<cancel_request>(got).pid, 0x01020304U);
        EXPECT_EQ(std::get<cancel_request>(got).key, key);
    }
    for (const std::size_t size : {0U, 3U, 257U}) {
        const auto bytes = message_writer().cancel_request(1, std::string(size, 'k')).take();
        EXPECT_EQ(code_of(parse(bytes)), "protocol_violation") << size;
    }
}

TEST(StartupParser, TakesEncryptionRequestsOnceAndInOrder)
{
    const auto ssl = message_writer().ssl_request().take();
    const auto gss = message_writer().gssenc_request().take();
    const auto start = packet(protocol_3_0, {{"user", "u"}});
    {
        startup_parser parser;
        EXPECT_TRUE(std::holds_alternative<gssenc_request>(parser.next(gss)));
        EXPECT_EQ(parser.consumed(), 8U);
        EXPECT_TRUE(std::holds_alternative<ssl_request>(parser.next(ssl)));
        EXPECT_TRUE(std::holds_alternative<startup_message>(parser.next(start)));
    }
    {
        startup_parser parser;
        EXPECT_TRUE(std::holds_alternative<ssl_request>(parser.next(ssl)));
        EXPECT_EQ(code_of(parser.next(ssl)), "protocol_violation");
    }
    {
        startup_parser parser;
        EXPECT_TRUE(std::holds_alternative<gssenc_request>(parser.next(gss)));
        EXPECT_EQ(code_of(parser.next(gss)), "protocol_violation");
    }
    {
        startup_parser parser;
        EXPECT_TRUE(std::holds_alternative<ssl_request>(parser.next(ssl)));
        parser.tls_started();
        EXPECT_EQ(code_of(parser.next(ssl)), "protocol_violation");
        EXPECT_EQ(code_of(parser.next(gss)), "protocol_violation");
        EXPECT_TRUE(std::holds_alternative<startup_message>(parser.next(start)));
    }
}

TEST(StartupParser, RefusesClearTextBehindAnEncryptionRequest)
{
    const auto start = packet(protocol_3_0, {{"user", "u"}});
    EXPECT_EQ(code_of(parse(message_writer().ssl_request().take() + start)), "protocol_violation");
    EXPECT_EQ(code_of(parse(message_writer().gssenc_request().take() + "x")), "protocol_violation");
    const auto longer = message_writer().uint32(9).uint32(80877103).byte('x').take();
    EXPECT_EQ(code_of(parse(longer)), "protocol_violation");
}

TEST(StartupParser, TakesATlsRecordOnlyAsTheFirstByte)
{
    const std::string hello("\x16\x03\x01", 3);
    startup_parser direct;
    EXPECT_TRUE(std::holds_alternative<direct_tls>(direct.next(hello)));
    EXPECT_EQ(direct.consumed(), 0U);
    direct.tls_started();
    EXPECT_EQ(code_of(direct.next(hello)), "protocol_violation");

    startup_parser asked;
    EXPECT_TRUE(std::holds_alternative<gssenc_request>(asked.next(message_writer().gssenc_request().take())));
    EXPECT_EQ(code_of(asked.next(hello)), "protocol_violation");
}

TEST(StartupParser, KnowsHttpFromJunk)
{
    for (const char* verb :
         {"GET / HTTP/1.1\r\n", "POST /x", "HEAD", "PUT /", "DELETE", "OPTIONS", "PRI * HTTP/2.0"})
        EXPECT_TRUE(std::holds_alternative<probe>(parse(verb))) << verb;
    EXPECT_EQ(code_of(parse("GEX")), "protocol_violation");
    EXPECT_EQ(code_of(parse("SSH-2.0")), "protocol_violation");
}

TEST(StartupParser, GivesBackWhatTheWriterWasTold)
{
    std::mt19937 draw(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::pair<std::string, std::string>> told{{"user", "u" + std::to_string(round)}};
        for (unsigned i = draw() % 8; i > 0; --i)
            told.emplace_back(
                "p" + std::to_string(i), std::string(draw() % 40, static_cast<char>('a' + draw() % 26))
            );
        pairs all;
        for (const auto& [name, value] : told) all.push_back({name, value});
        const auto bytes = packet(draw() % 2 == 0 ? protocol_3_0 : protocol_3_2, all);
        const auto got = parse(bytes);
        std::vector<std::pair<std::string, std::string>> read;
        for (const auto& parameter : std::get<startup_message>(got))
            read.emplace_back(parameter.name, parameter.value);
        EXPECT_EQ(read, told);
    }
}

std::vector<setting> options_of(std::string_view text)
{
    return std::get<std::vector<setting>>(parse_options(text));
}

TEST(ParseOptions, ReadsAllThreeForms)
{
    EXPECT_EQ(options_of(""), std::vector<setting>{});
    EXPECT_EQ(options_of("  \t "), std::vector<setting>{});
    const std::vector<setting> tenant{{"leasehold.tenant", "acme"}};
    EXPECT_EQ(options_of("-c leasehold.tenant=acme"), tenant);
    EXPECT_EQ(options_of("-cleasehold.tenant=acme"), tenant);
    EXPECT_EQ(options_of("--leasehold.tenant=acme"), tenant);
    const std::vector<setting> two{{"statement_timeout", "5s"}, {"a", "b=c"}};
    EXPECT_EQ(options_of(" --statement-timeout=5s   -c a=b=c "), two);
}

TEST(ParseOptions, TakesTheCharacterBehindABackslashAsItIs)
{
    const std::vector<setting> path{{"search_path", "a, b\\"}};
    EXPECT_EQ(options_of(R"(-c search_path=a,\ b\\)"), path);
    const std::vector<setting> last{{"a", "b"}};
    EXPECT_EQ(options_of("-c a=b\\"), last);
    const std::vector<setting> empty{{"a", ""}};
    EXPECT_EQ(options_of("-c a="), empty);
}

TEST(ParseOptions, RefusesEverythingElse)
{
    for (const char* bad :
         {"-c", "-c a", "-c =b", "--", "--=b", "--a", "a=b", "-d 5", "-B 100", "-c a=b -e", "-"}) {
        const auto got = parse_options(bad);
        ASSERT_TRUE(std::holds_alternative<violation>(got)) << bad;
        EXPECT_EQ(std::get<violation>(got).code, "protocol_violation");
    }
}

TEST(ParseSslAnswer, RefusesMoreThanOneByte)
{
    EXPECT_EQ(parse_ssl_answer(""), ssl_answer::need_more);
    EXPECT_EQ(parse_ssl_answer("S"), ssl_answer::accepted);
    EXPECT_EQ(parse_ssl_answer("N"), ssl_answer::denied);
    EXPECT_EQ(parse_ssl_answer("SX"), ssl_answer::refused);
    EXPECT_EQ(parse_ssl_answer("NX"), ssl_answer::refused);
    EXPECT_EQ(parse_ssl_answer("E"), ssl_answer::refused);
}

}  // namespace
}  // namespace leasehold::router::wire
