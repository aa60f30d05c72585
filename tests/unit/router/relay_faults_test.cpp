#include "relay_fixture.hpp"

#include <future>

namespace leasehold::router::relay::test {
namespace {

class RelayFaults : public relay_test
{};

TEST_F(RelayFaults, AServerLostInMidQueryIsToldAndNeverRepeated)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("insert into t values (1)"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.close();
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "08006");
    EXPECT_EQ(field_of(*told, 'V'), "FATAL");
    EXPECT_TRUE(client.talk.is_closed());
    EXPECT_FALSE(ports.next_request(0ms));
}

TEST_F(RelayFaults, AnIdleServerIsLostSilently)
{
    auto [client, server] = join_first(of(acme));
    server.close();
    EXPECT_TRUE(ports.wait_for_closed(1));
    settle();
    EXPECT_TRUE(client.talk.is_silent());
    client.talk.send(query("select 1"));
    auto fresh = log_in();
    EXPECT_EQ(fresh.next()->type, 'Q');
    fresh.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
}

TEST_F(RelayFaults, AServersOwnFatalIsPassedOnAlone)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(error_only("57P01", "FATAL"));
    server.close();
    EXPECT_EQ(sqlstate_of(*client.talk.next()), "57P01");
    EXPECT_TRUE(client.talk.is_closed());  // and no second error
}

TEST_F(RelayFaults, AReplyThatNobodyAskedForClosesTheServer)
{
    auto [client, server] = join_first(of(acme));
    server.send(simple_reply("SELECT 1"));
    EXPECT_TRUE(server.is_closed() || server.is_closed());
    settle();
    EXPECT_TRUE(client.talk.is_silent());
}

TEST_F(RelayFaults, AServerThatRanOutOfMemoryIsNotLentAgain)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(error_reply("53200"));
    EXPECT_EQ(client.talk.until_ready(), "EZI");
    EXPECT_EQ(server.next()->type, 'X');
    client.talk.send(query("select 2"));
    auto fresh = log_in();
    EXPECT_EQ(fresh.next()->type, 'Q');
}

TEST_F(RelayFaults, AClientGoneInATransactionIsRolledBack)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(client.talk.until_ready(), "CZT");
    client.talk.close();
    EXPECT_EQ(server.next()->body, std::string("ROLLBACK\0", 9));
    server.send(simple_reply("ROLLBACK"));
    auto other = join(of(acme));
    other.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->body, std::string("select 1\0", 9));  // the same server, clean
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
    EXPECT_FALSE(ports.next_cancel(0ms));  // nothing ran
}

TEST_F(RelayFaults, AClientGoneInMidQueryIsCancelledAndItsReplyIsNobodys)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [client, server] = join_first(options);
    auto other = join(options);
    client.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    other.talk.send(query("select 'other'"));
    client.talk.close();
    auto cancel = ports.next_cancel();
    ASSERT_TRUE(cancel);
    EXPECT_EQ(cancel->pid.value, 1000U);
    EXPECT_EQ(cancel->key, "skey");
    server.send(error_reply("57014"));
    settle();
    EXPECT_TRUE(server.is_silent());  // not lent while the cancel request is under way
    cancel->answer.done();
    EXPECT_EQ(server.next()->body, std::string("select 'other'\0", 15));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
}

TEST_F(RelayFaults, AClientGoneWithoutSyncLeavesACleanServer)
{
    auto [client, server] = join_first(of(acme));
    wire::message_writer out;
    out.parse("", "select 1").flush();
    client.talk.send(out.take());
    EXPECT_EQ(server.types(2), "PH");
    client.talk.close();
    EXPECT_EQ(server.next()->type, 'S');
    out.parse_complete();
    server.send(out.take() + ready());
    auto cancel = ports.next_cancel();
    ASSERT_TRUE(cancel);
    cancel->answer.done();
    auto other = join(of(acme));
    other.talk.send(query("select 2"));
    EXPECT_EQ(server.next()->body, std::string("select 2\0", 9));
}

TEST_F(RelayFaults, AClientGoneInsideAMessageCostsTheServer)
{
    auto [client, server] = join_first(of(acme));
    const auto whole = query(std::string(100'000, 'x'));
    client.talk.send(whole.substr(0, 50'000));
    settle();
    client.talk.close();
    while (server.next()) {
    }
    EXPECT_TRUE(ports.wait_for_closed(1));
}

TEST_F(RelayFaults, AServerThatDoesNotDrainIsClosed)
{
    auto options = of(acme);
    options.limits.cancel_drain = 50ms;
    auto [client, server] = join_first(options);
    client.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    client.talk.close();
    EXPECT_TRUE(server.is_closed());
    EXPECT_TRUE(ports.wait_for_closed(1));
}

TEST_F(RelayFaults, AWaiterIsRefusedInTimeAndStays)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    options.limits.checkout = 50ms;
    auto [first, server] = join_first(options);
    auto second = join(options);
    first.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(first.talk.until_ready(), "CZT");
    second.talk.send(query("select 1"));
    const auto told = second.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "53300");
    EXPECT_EQ(field_of(*told, 'V'), "ERROR");
    EXPECT_EQ(second.talk.until_ready(), "ZI");

    // An extended batch is refused as a whole: one error, one ReadyForQuery.
    wire::message_writer batch;
    batch.parse("", "select 1").describe('S', "").sync();
    second.talk.send(batch.take());
    EXPECT_EQ(second.talk.until_ready(), "EZI");

    first.talk.send(query("commit"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    second.talk.send(query("select 2"));
    EXPECT_EQ(server.next()->body, std::string("select 2\0", 9));  // it is served after all
    EXPECT_EQ(on->read_counters().pool_timeouts.get(), 2U);
}

TEST_F(RelayFaults, APauseFollowsEachRefusedLoginWhileABusyServerKeepsTheQueueAlive)
{
    auto [busy, server] = join_first(of(acme));
    auto waiting = join(of(acme));
    busy.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(busy.talk.until_ready(), "CZT");
    waiting.talk.send(query("select 1"));
    for (int i = 0; i < 3; ++i) {
        auto asked = ports.next_request();
        ASSERT_TRUE(asked);  // it is tried again
        const auto refused_at = boot_clock::now();
        asked->refuse(refusals::server_unavailable);
        auto again = ports.next_request();
        ASSERT_TRUE(again);
        EXPECT_GE(boot_clock::now() - refused_at, 90ms);
        again->refuse(refusals::server_unavailable);
    }
    EXPECT_TRUE(waiting.talk.is_silent());  // it may still have the busy one
    busy.talk.send(query("commit"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(busy.talk.until_ready(), "CZI");
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(waiting.talk.until_ready(), "CZI");
}

TEST_F(RelayFaults, AFailedLoginIsToldToThoseWhoWait)
{
    auto client = connect(of(acme));
    ports.next_request()->refuse(refusals::server_unavailable);
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "57P03");
    EXPECT_EQ(field_of(*told, 'V'), "FATAL");  // before ReadyForQuery
    EXPECT_TRUE(client.talk.is_closed());

    auto [later, server] = join_first(of(acme));
    server.close();
    EXPECT_TRUE(ports.wait_for_closed(1));
    later.talk.send(query("select 1"));
    ports.next_request()->refuse(refusals::lease_unavailable);
    const auto error = later.talk.next();
    EXPECT_EQ(field_of(*error, 'V'), "ERROR");
    EXPECT_EQ(later.talk.until_ready(), "ZI");
}

TEST_F(RelayFaults, ARequestThatIsForgottenIsAnswered)
{
    auto client = connect(of(acme));
    ports.next_request().reset();
    EXPECT_EQ(sqlstate_of(*client.talk.next()), "XX000");
}

TEST_F(RelayFaults, AStoppedReaderStopsItsServer)
{
    auto joined = join_first(of(acme));  // not a structured binding: clang 14 cannot capture one
    auto& client = joined.first;
    auto& server = joined.second;
    client.talk.send(query("copy t to stdout"));
    EXPECT_EQ(server.next()->type, 'Q');
    wire::message_writer out;
    out.raw(std::string_view("H\0\0\0\7\0\0\0", 8));
    server.send(out.take());
    out.copy_data(std::string(8000, 'x'));
    const auto row = out.take();
    std::size_t sent =
        0;  // until the lane takes no more: sockets and one high-water mark, not memory without end
    std::string open;
    for (int idle = 0; idle < 3;) {
        if (open.empty()) open = row;
        const auto count = server.send_some(open);
        open.erase(0, count);
        sent += count;
        idle = count == 0 ? idle + 1 : 0;
        if (count == 0) settle();
        ASSERT_LT(sent, 4'000'000U) << "the router reads without end";
    }
    EXPECT_GT(sent, 100'000U);
    // Another tenant is served meanwhile.
    auto [other, theirs] = join_first(of(globex));
    other.talk.send(query("select 1"));
    EXPECT_EQ(theirs.next()->type, 'Q');
    theirs.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");
    // When the reader goes on, everything arrives.
    auto rest = std::async(std::launch::async, [&] {
        server.send(open);
        wire::message_writer end;
        end.copy_done();
        server.send(end.take() + simple_reply("COPY 1"));
    });
    std::size_t received = 0;
    while (true) {
        const auto one = client.talk.next();
        ASSERT_TRUE(one);
        if (one->type == 'd') received += one->body.size() + 5;
        if (one->type == 'Z') break;
    }
    rest.get();
    EXPECT_EQ(received, sent + open.size());
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
}

TEST_F(RelayFaults, AServerThatDoesNotReadStopsItsClient)
{
    auto joined = join_first(of(acme));  // not a structured binding: clang 14 cannot capture one
    auto& client = joined.first;
    auto& server = joined.second;
    client.talk.send(query("copy t from stdin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(std::string("G\0\0\0\7\0\0\0", 8));
    EXPECT_EQ(client.talk.next()->type, 'G');
    wire::message_writer out;
    out.copy_data(std::string(8000, 'x'));
    const auto row = out.take();
    std::size_t sent = 0;
    std::string open;
    for (int idle = 0; idle < 3;) {
        if (open.empty()) open = row;
        const auto count = client.talk.send_some(open);
        open.erase(0, count);
        sent += count;
        idle = count == 0 ? idle + 1 : 0;
        if (count == 0) settle();
        ASSERT_LT(sent, 4'000'000U) << "the router reads without end";
    }
    auto rest = std::async(std::launch::async, [&] {
        client.talk.send(open);
        wire::message_writer end;
        end.copy_done();
        client.talk.send(end.take());
    });
    std::size_t received = 0;
    while (true) {
        const auto one = server.next();
        ASSERT_TRUE(one);
        if (one->type == 'c') break;
        received += one->body.size() + 5;
    }
    rest.get();
    EXPECT_EQ(received, sent + open.size());
    server.send(simple_reply("COPY 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
}

TEST_F(RelayFaults, AStalledReaderIsEnded)
{
    auto options = of(acme);
    options.limits.stalled = 100ms;
    auto [client, server] = join_first(options);
    client.talk.send(query("copy t to stdout"));
    EXPECT_EQ(server.next()->type, 'Q');
    wire::message_writer out;
    out.raw(std::string_view("H\0\0\0\7\0\0\0", 8));
    for (int i = 0; i < 200; ++i) out.copy_data(std::string(8000, 'x'));
    const auto all = out.take();
    std::size_t sent = 0;
    while (ports.closed_count() == 0 && sent < all.size()) {
        const auto count = server.send_some(std::string_view(all).substr(sent));
        sent += count;
        if (count == 0 && !server.is_silent()) break;  // closed
        if (count == 0) settle();
    }
    EXPECT_TRUE(ports.next_cancel());
    while (client.talk.next()) {
    }  // ends
}

TEST_F(RelayFaults, AMessageThatIsNotFinishedIsEnded)
{
    auto options = of(acme);
    options.limits.stalled = 50ms;
    auto [client, server] = join_first(options);
    client.talk.send(query(std::string(20'000, 'x')).substr(0, 15'000));
    const auto told = client.talk.next();
    EXPECT_EQ(sqlstate_of(*told), "57P05");
    EXPECT_TRUE(client.talk.is_closed());
}

TEST_F(RelayFaults, ABegunMessageHoldsNoServer)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select 1").substr(0, 7));
    settle();
    EXPECT_EQ(on->read_counters().servers_busy.get(), 0U);
    EXPECT_TRUE(server.is_silent());
}

TEST_F(RelayFaults, IdleInTransactionIsEnded)
{
    auto options = of(acme);
    options.limits.idle_in_transaction = 50ms;
    auto [client, server] = join_first(options);
    client.talk.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(client.talk.until_ready(), "CZT");
    EXPECT_EQ(sqlstate_of(*client.talk.next()), "25P03");
    EXPECT_EQ(server.next()->body, std::string("ROLLBACK\0", 9));
}

TEST_F(RelayFaults, AnIdleServerIsClosedAfterItsTime)
{
    auto options = of(acme);
    options.limits.server_idle = 50ms;
    auto [client, server] = join_first(options);
    client.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    EXPECT_EQ(server.next()->type, 'X');
    EXPECT_TRUE(ports.wait_for_closed(1));
}

TEST_F(RelayFaults, ACancelReachesOnlyItsOwnQuery)
{
    auto [client, server] = join_first(of(acme));
    auto other = join(of(acme));
    client.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    on->cancel(client.pid, "forged");
    on->cancel(other.pid, other.key);  // it runs nothing
    settle();
    EXPECT_FALSE(ports.next_cancel(0ms));
    on->cancel(client.pid, client.key);
    auto cancel = ports.next_cancel();
    ASSERT_TRUE(cancel);
    EXPECT_EQ(cancel->pid.value, 1000U);
    server.send(error_reply("57014"));
    EXPECT_EQ(client.talk.until_ready(), "EZI");
    // Late: the next borrower must not be hit, so the server rests until the request is answered.
    other.talk.send(query("select 1"));
    settle();
    EXPECT_TRUE(server.is_silent());
    auto fresh = log_in();
    EXPECT_EQ(fresh.next()->type, 'Q');
    cancel->answer.done();
    client.talk.send(query("select 2"));
    EXPECT_EQ(server.next()->type, 'Q');
}

TEST_F(RelayFaults, AQueryWithoutSyncIsCancelledToo)
{
    auto options = of(acme);
    options.limits.idle_in_transaction = 50ms;  // the server works: this is not idle
    auto [client, server] = join_first(options);
    wire::message_writer out;
    out.parse("", "select pg_sleep(100)").execute("").flush();
    client.talk.send(out.take());
    EXPECT_EQ(server.types(3), "PEH");
    out.parse_complete();
    server.send(out.take());
    EXPECT_EQ(client.talk.types(1), "1");
    on->cancel(client.pid, client.key);
    auto cancel = ports.next_cancel();
    ASSERT_TRUE(cancel);
    server.send(error_only("57014"));
    EXPECT_EQ(sqlstate_of(*client.talk.next()), "57014");
}

TEST_F(RelayFaults, ACancelledWaiterLeavesTheQueue)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [first, server] = join_first(options);
    auto second = join(options);
    first.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    second.talk.send(query("select 2"));
    settle();
    on->cancel(second.pid, second.key);
    EXPECT_EQ(sqlstate_of(*second.talk.next()), "57014");
    EXPECT_EQ(second.talk.until_ready(), "ZI");
    EXPECT_FALSE(ports.next_cancel(0ms));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(first.talk.until_ready(), "CZI");
    settle();
    EXPECT_TRUE(server.is_silent());
}

}  // namespace
}  // namespace leasehold::router::relay::test
