#include "relay_fixture.hpp"

#include <leasehold/router/wire/message.hpp>

#include <future>

namespace leasehold::router::relay::test {
namespace {

class RelaySession : public relay_test
{};

std::string extended(std::string_view sql, std::string_view statement = "", bool with_sync = true)
{
    wire::message_writer out;
    const std::vector<std::optional<std::string_view>> values{"1"};
    out.parse(statement, sql).bind("", statement, values).describe('P', "").execute("");
    if (with_sync) out.sync();
    return out.take();
}

std::string extended_reply()
{
    wire::message_writer out;
    const std::vector<std::optional<std::string_view>> row{"one"};
    out.parse_complete().bind_complete().row_description({}).data_row(row).command_complete("SELECT 1");
    return out.take();
}

TEST_F(RelaySession, GreetsWithWhatTheFirstServerReported)
{
    auto client = connect(of(acme));
    settle();
    EXPECT_TRUE(client.talk.is_silent());  // no login yet, nothing known
    auto server = log_in();
    const auto first = client.talk.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(
        first->body,
        std::string(
            "server_version\0"
            "15.18\0",
            21
        )
    );
    EXPECT_EQ(client.talk.next()->type, 'S');
    const auto key = client.talk.next();
    EXPECT_EQ(key->type, 'K');
    EXPECT_EQ(wire::load_u32(key->body), client.pid);
    EXPECT_EQ(key->body.substr(4), client.key);
    EXPECT_EQ(client.talk.until_ready(), "ZI");
    // The next one needs no server connection.
    auto second = join(of(acme));
    EXPECT_FALSE(ports.next_request(0ms));
}

TEST_F(RelaySession, ReportsItsOwnSettingsInTheGreeting)
{
    auto [first, server] = join_first(of(acme));
    auto options = of(acme);
    options.settings = {{"timezone", "Europe/Berlin"}};
    auto client = connect(options);
    client.talk.next();
    EXPECT_EQ(
        client.talk.next()->body,
        std::string(
            "TimeZone\0"
            "Europe/Berlin\0",
            23
        )
    );
}

TEST_F(RelaySession, RelaysASimpleQuery)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select 1"));
    const auto asked = server.next();
    EXPECT_EQ(asked->type, 'Q');
    EXPECT_EQ(asked->body, std::string("select 1\0", 9));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    EXPECT_EQ(on->read_counters().transactions.get(), 1U);
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
}

TEST_F(RelaySession, TakesBytesInAnyPieces)
{
    auto [client, server] = join_first(of(acme));
    const auto request = query("select 1") + extended("select $1");
    const auto reply = simple_reply("SELECT 1") + extended_reply() + ready();
    for (const char byte : request) {
        client.talk.send({&byte, 1});
        settle();
    }
    EXPECT_EQ(server.types(6), "QPBDES");
    for (const char byte : reply) {
        server.send({&byte, 1});
        settle();
    }
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    EXPECT_EQ(client.talk.until_ready(), "12TDCZI");
}

TEST_F(RelaySession, HoldsItsServerForATransaction)
{
    auto [client, server] = join_first(of(acme));
    auto other = join(of(acme));
    client.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(client.talk.until_ready(), "CZT");

    other.talk.send(query("select 2"));  // not on the server that is in a transaction
    auto second = log_in();
    EXPECT_EQ(second.next()->type, 'Q');
    EXPECT_TRUE(server.is_silent());
    second.send(simple_reply("SELECT 2"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");

    client.talk.send(query("commit"));
    EXPECT_EQ(server.next()->body, std::string("commit\0", 7));
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
}

TEST_F(RelaySession, SharesOneServerAmongClientsInTurn)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [first, server] = join_first(options);
    auto second = join(options);
    first.talk.send(query("select 'first'"));
    EXPECT_EQ(server.next()->body, std::string("select 'first'\0", 15));
    second.talk.send(query("select 'second'"));
    settle();
    EXPECT_TRUE(server.is_silent());  // it waits
    EXPECT_EQ(on->read_counters().waiting.get(), 1U);
    server.send(simple_reply("FIRST 1"));
    EXPECT_EQ(server.next()->body, std::string("select 'second'\0", 16));
    EXPECT_EQ(first.talk.next()->body, std::string("FIRST 1\0", 8));
    server.send(simple_reply("SECOND 1"));
    EXPECT_EQ(second.talk.next()->body, std::string("SECOND 1\0", 9));
    EXPECT_EQ(first.talk.until_ready(), "ZI");
    EXPECT_EQ(second.talk.until_ready(), "ZI");
    settle();
    EXPECT_TRUE(first.talk.is_silent());
    EXPECT_TRUE(second.talk.is_silent());
}

TEST_F(RelaySession, NeverSharesAcrossTenants)
{
    auto [ours, server] = join_first(of(acme));
    auto [theirs, other] = join_first(of(globex));
    theirs.talk.send(query("select 'globex'"));
    EXPECT_EQ(other.next()->body, std::string("select 'globex'\0", 16));
    ours.talk.send(query("select 'acme'"));
    EXPECT_EQ(server.next()->body, std::string("select 'acme'\0", 14));
    other.send(simple_reply("GLOBEX"));
    server.send(simple_reply("ACME"));
    EXPECT_EQ(theirs.talk.next()->body, std::string("GLOBEX\0", 7));
    EXPECT_EQ(ours.talk.next()->body, std::string("ACME\0", 5));
    EXPECT_EQ(on->read_counters().pools.get(), 2U);
}

TEST_F(RelaySession, KeepsABatchWithoutSyncOnItsServer)
{
    auto [client, server] = join_first(of(acme));
    wire::message_writer flush;
    flush.flush();
    client.talk.send(extended("select $1", "", false) + flush.take());
    EXPECT_EQ(server.types(5), "PBDEH");
    server.send(extended_reply());
    EXPECT_EQ(client.talk.types(5), "12TDC");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 1U);
    client.talk.send(std::string("S\0\0\0\4", 5));
    EXPECT_EQ(server.next()->type, 'S');
    server.send(ready());
    EXPECT_EQ(client.talk.until_ready(), "ZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
}

TEST_F(RelaySession, KeepsPipelinedBatchesApartAfterAnError)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [client, server] = join_first(options);
    auto other = join(options);
    client.talk.send(extended("bad") + extended("good"));
    EXPECT_EQ(server.types(10), "PBDESPBDES");
    other.talk.send(query("select 'other'"));
    server.send(error_reply("42601"));  // Bind, Describe and Execute are skipped
    EXPECT_EQ(client.talk.until_ready(), "EZI");
    settle();
    EXPECT_TRUE(server.is_silent());  // one Sync is still owed: not lent to the other client
    server.send(extended_reply() + ready());
    EXPECT_EQ(client.talk.until_ready(), "12TDCZI");
    EXPECT_EQ(server.next()->body, std::string("select 'other'\0", 15));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
    settle();
    EXPECT_TRUE(client.talk.is_silent());
}

TEST_F(RelaySession, AnswersALoneSyncItself)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(std::string("S\0\0\0\4", 5));
    EXPECT_EQ(client.talk.until_ready(), "ZI");
    EXPECT_TRUE(server.is_silent());
}

TEST_F(RelaySession, CopiesIn)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("copy t from stdin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(std::string("G\0\0\0\7\0\0\0", 8));
    EXPECT_EQ(client.talk.next()->type, 'G');
    wire::message_writer data;
    data.copy_data("1\n").copy_data("2\n").copy_done();
    client.talk.send(data.take());
    EXPECT_EQ(server.types(3), "ddc");
    server.send(simple_reply("COPY 2"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
}

TEST_F(RelaySession, ThrowsAwayTheRestOfAFailedCopy)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [client, server] = join_first(options);
    auto other = join(options);
    client.talk.send(query("copy t from stdin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(std::string("G\0\0\0\7\0\0\0", 8));
    EXPECT_EQ(client.talk.next()->type, 'G');
    server.send(error_reply("22P04"));
    EXPECT_EQ(client.talk.until_ready(), "EZI");
    wire::message_writer data;
    data.copy_data("more\n").copy_done();
    client.talk.send(data.take() + query("select 3"));
    EXPECT_EQ(server.next()->body, std::string("select 3\0", 9));  // no data before it
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    other.talk.send(query("select 4"));
    EXPECT_EQ(server.next()->body, std::string("select 4\0", 9));
}

TEST_F(RelaySession, CopiesOut)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("copy t to stdout"));
    EXPECT_EQ(server.next()->type, 'Q');
    wire::message_writer data;
    data.raw(std::string_view("H\0\0\0\7\0\0\0", 8)).copy_data("1\n").copy_data("2\n").copy_done();
    server.send(data.take() + simple_reply("COPY 2"));
    EXPECT_EQ(client.talk.until_ready(), "HddcCZI");
}

TEST_F(RelaySession, RelaysAFunctionCall)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(std::string("F\0\0\0\x0e\0\0\0\1\0\0\0\0\0\0", 15));
    EXPECT_EQ(server.next()->type, 'F');
    server.send(std::string("V\0\0\0\x08\xff\xff\xff\xff", 9) + ready());
    EXPECT_EQ(client.talk.until_ready(), "VZI");
}

TEST_F(RelaySession, StreamsAMessageLargerThanAnyBuffer)
{
    auto joined = join_first(of(acme));  // not a structured binding: clang 14 cannot capture one
    auto& client = joined.first;
    auto& server = joined.second;
    const std::string large(3'000'000, 'x');
    auto writes = std::async(std::launch::async, [&] { client.talk.send(query(large)); });
    const auto asked = server.next();
    writes.get();
    EXPECT_EQ(asked->body.size(), large.size() + 1);
    wire::message_writer row;
    const std::vector<std::optional<std::string_view>> values{large};
    row.data_row(values);
    auto answers =
        std::async(std::launch::async, [&] { server.send(row.take() + simple_reply("SELECT 1")); });
    EXPECT_EQ(client.talk.next()->body.size(), large.size() + 6);
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    answers.get();
}

TEST_F(RelaySession, PinsAClientWithANamedStatement)
{
    auto [client, server] = join_first(of(acme));
    auto other = join(of(acme));
    client.talk.send(extended("select $1", "s1"));
    EXPECT_EQ(server.types(5), "PBDES");
    server.send(extended_reply() + ready());
    EXPECT_EQ(client.talk.until_ready(), "12TDCZI");
    EXPECT_EQ(on->read_counters().pins.get(), 1U);

    other.talk.send(query("select 2"));
    auto second = log_in();  // the idle one belongs to the pinned client
    EXPECT_EQ(second.next()->type, 'Q');
    second.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
    EXPECT_TRUE(server.is_silent());

    wire::message_writer bye;
    bye.terminate();
    client.talk.send(bye.take());
    EXPECT_EQ(server.next()->type, 'X');  // nobody gets it afterwards
    EXPECT_TRUE(server.is_closed());
    EXPECT_TRUE(ports.wait_for_closed(1));
}

std::string parse_alone()
{
    wire::message_writer out;
    out.parse("", "select $1").describe('S', "").sync();
    return out.take();
}

std::string bind_alone()
{
    wire::message_writer out;
    const std::vector<std::optional<std::string_view>> values{"1"};
    out.bind("", "", values).execute("").sync();
    return out.take();
}

TEST_F(RelaySession, PinsAClientWhoseUnnamedStatementOutlivesItsBatch)
{
    auto [client, server] = join_first(of(acme));
    auto other = join(of(acme));
    client.talk.send(extended("select $1"));  // not for this one: it is used in its batch
    EXPECT_EQ(server.types(5), "PBDES");
    server.send(extended_reply() + ready());
    EXPECT_EQ(client.talk.until_ready(), "12TDCZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);

    client.talk.send(parse_alone());
    EXPECT_EQ(server.types(3), "PDS");
    server.send(wire::message_writer().parse_complete().no_data().take() + ready());
    EXPECT_EQ(client.talk.until_ready(), "1nZI");
    EXPECT_EQ(on->read_counters().pins.get(), 1U);

    other.talk.send(extended("select 'other'"));
    auto second = log_in();  // the idle one belongs to the pinned client
    EXPECT_EQ(second.types(5), "PBDES");
    second.send(extended_reply() + ready());
    EXPECT_EQ(other.talk.until_ready(), "12TDCZI");

    for (int i = 0; i < 2; ++i) {  // as often as it likes
        client.talk.send(bind_alone());
        EXPECT_EQ(server.types(3), "BES");
        server.send(wire::message_writer().bind_complete().command_complete("SELECT 1").take() + ready());
        EXPECT_EQ(client.talk.until_ready(), "2CZI");
    }
    EXPECT_TRUE(second.is_silent());
}

TEST_F(RelaySession, DoesNotPinForAnUnnamedStatementThatEndsWithItsTransaction)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(client.talk.until_ready(), "CZT");
    client.talk.send(parse_alone());
    EXPECT_EQ(server.types(3), "PDS");
    server.send(wire::message_writer().parse_complete().no_data().take() + ready('T'));
    EXPECT_EQ(client.talk.until_ready(), "1nZT");
    client.talk.send(bind_alone());
    EXPECT_EQ(server.types(3), "BES");
    server.send(wire::message_writer().bind_complete().command_complete("SELECT 1").take() + ready('T'));
    EXPECT_EQ(client.talk.until_ready(), "2CZT");
    client.talk.send(query("commit"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
    EXPECT_EQ(on->read_counters().pins.get(), 0U);
}

// What the server has under the empty name may be another client's.
TEST_F(RelaySession, NeverUsesAnUnnamedStatementThatItDidNotParse)
{
    auto [client, server] = join_first(of(acme));
    auto other = join(of(acme));
    other.talk.send(extended("select 'other'"));
    EXPECT_EQ(server.types(5), "PBDES");
    server.send(extended_reply() + ready());
    EXPECT_EQ(other.talk.until_ready(), "12TDCZI");

    wire::message_writer describe;
    describe.describe('S', "").sync();
    for (const auto& foreign : {bind_alone(), describe.take()}) {
        client.talk.send(foreign);
        const auto asked = server.next();
        EXPECT_EQ(asked->type, 'D');
        EXPECT_EQ(asked->body.front(), 'S');
        EXPECT_GT(asked->body.size(), 2U);  // a name that nobody has
        while (server.next()->type != 'S') {
        }
        server.send(error_reply("26000"));
        EXPECT_EQ(client.talk.until_ready(), "EZI");
    }

    client.talk.send(extended("select $1"));  // its own goes through
    EXPECT_EQ(server.types(5), "PBDES");
    server.send(extended_reply() + ready());
    EXPECT_EQ(client.talk.until_ready(), "12TDCZI");
}

class RelayPins : public relay_test, public ::testing::WithParamInterface<const char*>
{};

TEST_P(RelayPins, KeepTheServer)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select 1"));  // positive control: this one gives it back
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);

    client.talk.send(query(GetParam()));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("DONE"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 1U);
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
INSTANTIATE_TEST_SUITE_P(
    Features,
    RelayPins,
    ::testing::Values(
        "listen channel",
        "set statement_timeout = 5",
        "create temp table t(a int)",
        "prepare s as select 1",
        "select set_config('a.b', 'c', false)",
        "select pg_advisory_lock(1)",
        "declare c cursor with hold for select 1",
        "do $$ begin end $$"
    )
);

TEST_F(RelaySession, PinsWhenAServerReportsAParameterThatDiffers)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select hidden()"));
    EXPECT_EQ(server.next()->type, 'Q');
    wire::message_writer out;
    out.parameter_status("TimeZone", "Asia/Tokyo");
    server.send(out.take() + simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "SCZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 1U);
    EXPECT_EQ(on->read_counters().pins.get(), 1U);
}

TEST_F(RelaySession, DoesNotPinForASettingOfOneTransaction)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("begin; set local timezone = 'Asia/Tokyo'; commit"));
    EXPECT_EQ(server.next()->type, 'Q');
    wire::message_writer out;
    out.parameter_status("TimeZone", "Asia/Tokyo").parameter_status("TimeZone", "UTC");
    server.send(out.take() + simple_reply("COMMIT"));
    EXPECT_EQ(client.talk.until_ready(), "SSCZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
}

TEST_F(RelaySession, PutsItsSettingsInPlaceBeforeItsFirstQuery)
{
    auto [plain, server] = join_first(of(acme));
    auto options = of(acme);
    options.settings = {{"TimeZone", "Europe/Berlin"}};
    auto client = join(options);
    client.talk.send(query("select 1"));
    const auto set = server.next();
    EXPECT_NE(set->body.find("set_config('TimeZone', 'Europe/Berlin', false)"), std::string::npos);
    settle();
    EXPECT_TRUE(server.is_silent());  // the query waits until the settings are known to be good
    wire::message_writer out;
    out.command_complete("RESET").parameter_status("TimeZone", "Europe/Berlin").row_description({});
    server.send(out.take() + simple_reply("SELECT 1"));
    EXPECT_EQ(server.next()->body, std::string("select 1\0", 9));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "SCZI");  // the report is for it, the rest is not

    client.talk.send(query("select 2"));  // still in place
    EXPECT_EQ(server.next()->body, std::string("select 2\0", 9));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");

    plain.talk.send(query("select 3"));  // another client's server has none of it, in the same send
    EXPECT_EQ(server.next()->body, std::string("RESET ALL\0", 10));
    EXPECT_EQ(server.next()->body, std::string("select 3\0", 9));
    server.send(simple_reply("RESET") + simple_reply("SELECT 1"));
    EXPECT_EQ(plain.talk.until_ready(), "CZI");
}

TEST_F(RelaySession, EndsWhenTheServerRefusesItsSettings)
{
    auto [plain, server] = join_first(of(acme));
    auto options = of(acme);
    options.settings = {{"TimeZone", "Nowhere"}};
    auto client = join(options);
    client.talk.send(query("insert into t values (1)"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(error_reply("22023"));
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "22023");
    EXPECT_EQ(field_of(*told, 'V'), "FATAL");
    EXPECT_TRUE(client.talk.is_closed());
    EXPECT_EQ(server.next()->type, 'X');  // and the query never went out
}

TEST_F(RelaySession, KeepsItsServerInSessionMode)
{
    auto options = of(acme);
    options.session_mode = true;
    auto [client, server] = join_first(options);
    client.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 1U);
}

TEST_F(RelaySession, EndsOnAMessageThatDoesNotExist)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(std::string("~\0\0\0\4", 5));
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "08P01");
    EXPECT_EQ(field_of(*told, 'D'), "code=protocol_violation request=req-1 router=r7");
    EXPECT_TRUE(client.talk.is_closed());
}

TEST_F(RelaySession, TakesBytesThatCameWithTheLogin)
{
    auto options = of(acme);
    options.early = query("select 1");
    auto client = connect(options);
    auto server = log_in();
    EXPECT_EQ(client.talk.until_ready(), "SSKZI");
    EXPECT_EQ(server.next()->type, 'Q');
}

TEST_F(RelaySession, EndsWithARightThatWasLimitedMeanwhile)
{
    const principal limited{principal::kind_of::key, uuid::random()};
    const principal prolonged{principal::kind_of::key, uuid::random()};
    auto options = of(acme);
    options.who = limited;
    auto [client, server] = join_first(options);
    options.who = prolonged;
    options.ends_at = boot_clock::now() + 300ms;
    auto other = join(options);
    on->limit_right(prolonged, boot_time::max());
    on->limit_right(limited, boot_clock::now() + 400ms);
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "57P01");
    EXPECT_NE(field_of(*told, 'D').find("code=session_revoked"), std::string_view::npos);
    EXPECT_TRUE(client.talk.is_closed());
    other.talk.send(query("select 1"));  // later than its first end
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
}

TEST_F(RelaySession, EndsWithItsRight)
{
    auto options = of(acme);
    options.ends_at = boot_clock::now() + 50ms;
    auto [client, server] = join_first(options);
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "57P01");
    EXPECT_TRUE(client.talk.is_closed());
}

}  // namespace
}  // namespace leasehold::router::relay::test
