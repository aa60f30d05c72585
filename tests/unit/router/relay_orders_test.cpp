#include "relay_fixture.hpp"

#include <future>
#include <variant>

namespace leasehold::router::relay::test {
namespace {

class RelayOrders : public relay_test
{
protected:
    std::future<kill_counts> kill(kill_target target)
    {
        auto told = std::make_shared<std::promise<kill_counts>>();
        auto counts = told->get_future();
        on->kill({target, refusals::session_revoked, [told](kill_counts c) { told->set_value(c); }});
        return counts;
    }

    // Answers a request with a server that has said nothing of its parameters: of acme's first lease if it is
    // held, else of none.
    peer hand_over(std::optional<server_promise> request, std::shared_ptr<lease_hold> hold = nullptr)
    {
        auto [socket, talk] = make_pair_of_sockets();
        verified_server server;
        server.socket = std::move(socket);
        server.parameters = std::make_shared<const parameter_set>();
        if (hold) server.lease = {acme, 1, role_class::rw, 1};
        server.hold = std::move(hold);
        request.value().fulfil(std::move(server));
        return std::move(talk);
    }

    using answer = std::variant<internal_reply, refusal>;
    std::future<answer> call(std::string batch, std::uint64_t link = 0, bool keep = false)
    {
        auto told = std::make_shared<std::promise<answer>>();
        auto reply = told->get_future();
        internal_call one;
        one.pool = {acme, role_class::rw, origin::platform};
        one.limits.max_servers = 1;
        one.batch = std::move(batch);
        one.link = link;
        one.keep = keep;
        one.done = [told](answer a) { told->set_value(std::move(a)); };
        on->submit(std::move(one));
        return reply;
    }
};

// A session's transaction on the server that it is given: it keeps that one until the transaction ends.
void begin(peer& session, peer& server)
{
    session.send(query("begin"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(session.until_ready(), "CZT");
}

template <class T>
T take(std::future<T>& from)
{
    if (from.wait_for(patience) != std::future_status::ready) throw std::runtime_error("no answer in time");
    return from.get();
}

TEST_F(RelayOrders, KillingATenantEndsAllOfItAndNothingElse)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [busy, server] = join_first(options);
    auto waits = join(options);
    auto idle = join(options);
    auto [theirs, other] = join_first(of(globex));
    busy.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    waits.talk.send(query("select 1"));
    settle();
    theirs.talk.send(query("select 2"));
    EXPECT_EQ(other.next()->type, 'Q');

    auto told = kill(acme);
    for (auto* const one : {&busy, &waits, &idle}) {
        EXPECT_EQ(sqlstate_of(*one->talk.next()), "57P01");
        EXPECT_TRUE(one->talk.is_closed());
    }
    EXPECT_TRUE(server.is_closed());
    auto cancel = ports.next_cancel();
    ASSERT_TRUE(cancel);
    EXPECT_EQ(cancel->pid.value, 1000U);
    EXPECT_EQ(told.wait_for(0ms), std::future_status::timeout);  // done means done
    cancel->answer.done();
    const auto counts = take(told);
    EXPECT_EQ(counts.sessions, 3U);
    EXPECT_EQ(counts.waiters, 1U);
    EXPECT_EQ(counts.servers, 1U);

    other.send(simple_reply("SELECT 1"));
    EXPECT_EQ(theirs.talk.until_ready(), "CZI");
}

TEST_F(RelayOrders, AKillIsAnsweredEvenIfACancelIsNot)
{
    auto [client, server] = join_first(of(acme));
    client.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    const auto begun = boot_clock::now();
    auto told = kill(acme);
    EXPECT_EQ(take(told).sessions, 1U);
    EXPECT_LT(boot_clock::now() - begun, 1500ms);
}

TEST_F(RelayOrders, AServerAskedForBeforeAKillIsNotTakenAfterIt)
{
    auto client = connect(of(acme));
    auto request = ports.next_request();
    ASSERT_TRUE(request);
    auto told = kill(acme);
    EXPECT_EQ(take(told).sessions, 1U);
    EXPECT_EQ(sqlstate_of(*client.talk.next()), "57P01");
    auto later = connect(of(acme));  // resumed meanwhile
    settle();
    auto talk = hand_over(std::move(request));
    EXPECT_TRUE(talk.is_closed());
    auto fresh = log_in();
    EXPECT_EQ(later.talk.until_ready(), "SSKZI");
}

TEST_F(RelayOrders, KillingAPrincipalEndsItsSessionsOnly)
{
    const principal bad{principal::kind_of::key, uuid::random()};
    const principal good{principal::kind_of::key, uuid::random()};
    auto options = of(acme);
    options.who = bad;
    auto [revoked, server] = join_first(options);
    auto second = join(options);
    options.who = good;
    auto stays = join(options);
    auto told = kill(bad);
    EXPECT_EQ(take(told).sessions, 2U);
    EXPECT_EQ(sqlstate_of(*revoked.talk.next()), "57P01");
    EXPECT_EQ(sqlstate_of(*second.talk.next()), "57P01");
    stays.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(stays.talk.until_ready(), "CZI");
    EXPECT_EQ(take(told = kill(bad)).sessions, 0U);
}

TEST_F(RelayOrders, AnEndingLeaseIsReplacedWithoutAnError)
{
    auto options = of(acme);
    auto [client, server] = join_first(options);
    auto other = join(options);
    begin(client.talk, server);
    other.talk.send(query("select 1"));
    auto second = log_in(1);
    EXPECT_EQ(second.next()->type, 'Q');
    second.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");

    on->lease_ending({acme, 1, role_class::rw, 1}, boot_clock::now() + 60s);
    EXPECT_EQ(second.next()->type, 'X');  // idle: now
    other.talk.send(query("select 2"));
    auto third = log_in(2);
    EXPECT_EQ(third.next()->type, 'Q');
    third.send(simple_reply("SELECT 1"));
    EXPECT_EQ(other.talk.until_ready(), "CZI");

    client.talk.send(query("commit"));  // busy: when it is given back
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    EXPECT_EQ(server.next()->type, 'X');
}

TEST_F(RelayOrders, APinnedSessionKeepsItsEndingLeaseAndIsToldAtTheLastCall)
{
    const lease_number first{acme, 1, role_class::rw, 1};
    auto [pinned, server] = join_first(of(acme));
    pinned.talk.send(query("listen a"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("LISTEN"));
    EXPECT_EQ(pinned.talk.until_ready(), "CZI");
    auto works = join(of(acme));
    works.talk.send(query("begin"));
    auto second = log_in(1);
    EXPECT_EQ(second.next()->type, 'Q');
    second.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(works.talk.until_ready(), "CZT");

    on->lease_ending(first, boot_clock::now() + 60s);
    pinned.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(pinned.talk.until_ready(), "CZI");

    // In the middle of a reply nothing else may be said: it comes after that.
    pinned.talk.send(query("select 2"));
    EXPECT_EQ(server.next()->type, 'Q');
    const auto row = std::string("D\0\0\0\x0e\0\1\0\0\0\4", 11) + "long";
    server.send(row.substr(0, 13));
    settle();
    on->lease_last_call(first);
    settle();
    server.send(row.substr(13) + simple_reply("SELECT 1"));
    EXPECT_EQ(pinned.talk.until_ready(), "DCZI");
    const auto notice = pinned.talk.next();
    EXPECT_EQ(notice->type, 'N');
    EXPECT_NE(notice->body.find("code=lease_ending"), std::string::npos);

    works.talk.send(query("commit"));  // who is not pinned goes over to another lease, and needs no notice
    EXPECT_EQ(second.next()->type, 'Q');
    second.send(simple_reply("COMMIT"));
    EXPECT_EQ(works.talk.until_ready(), "CZI");
    EXPECT_EQ(second.next()->type, 'X');
    settle();
    EXPECT_TRUE(works.talk.is_silent());
}

TEST_F(RelayOrders, TheHoldOfALeaseTellsWhoUsesIt)
{
    auto hold = std::make_shared<lease_hold>();
    auto client = connect(of(acme));
    auto talk = hand_over(ports.next_request(), hold);
    EXPECT_EQ(client.talk.until_ready(), "KZI");
    EXPECT_EQ(hold->lent.load(), 0);
    client.talk.send(query("begin"));
    EXPECT_EQ(talk.next()->type, 'Q');
    EXPECT_EQ(hold->lent.load(), 1);
    EXPECT_EQ(hold->kept.load(), 0);
    talk.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(client.talk.until_ready(), "CZT");
    client.talk.send(query("commit"));
    EXPECT_EQ(talk.next()->type, 'Q');
    talk.send(simple_reply("COMMIT"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(hold->lent.load(), 0);

    client.talk.send(query("listen a"));
    EXPECT_EQ(talk.next()->type, 'Q');
    talk.send(simple_reply("LISTEN"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
    settle();
    EXPECT_EQ(hold->lent.load(), 1);
    EXPECT_EQ(hold->kept.load(), 1);
    client.talk.close();
    EXPECT_EQ(talk.next()->type, 'X');
    EXPECT_TRUE(talk.is_closed());
    EXPECT_TRUE(ports.wait_for_closed(1));
    settle();
    EXPECT_EQ(hold->lent.load(), 0);
    EXPECT_EQ(hold->kept.load(), 0);
}

TEST_F(RelayOrders, AServerOfALeaseThatHasEndedMeanwhileIsNotTaken)
{
    auto [client, server] = join_first(of(acme));
    on->lease_ended({acme, 1, role_class::rw, 1});
    EXPECT_EQ(server.next()->type, 'X');
    client.talk.send(query("select 1"));
    auto late = log_in(1);
    EXPECT_TRUE(late.is_closed());
    auto fresh = log_in(2);
    EXPECT_EQ(fresh.next()->type, 'Q');
}

TEST_F(RelayOrders, AtTheEndOfItsLeaseATransactionIsCut)
{
    auto client = connect(of(acme));
    auto server = log_in(1, boot_clock::now() + 3100ms);  // three seconds before that it ends
    EXPECT_EQ(client.talk.until_ready(), "SSKZI");
    client.talk.send(query("select pg_sleep(100)"));
    EXPECT_EQ(server.next()->type, 'Q');
    EXPECT_TRUE(ports.next_cancel());
    const auto told = client.talk.next();  // a second later
    EXPECT_EQ(sqlstate_of(*told), "57P01");
    EXPECT_NE(field_of(*told, 'D').find("code=lease_ended"), std::string_view::npos);
    EXPECT_TRUE(server.is_closed());
    EXPECT_EQ(on->read_counters().lease_cuts.get(), 1U);
}

TEST_F(RelayOrders, ARenewedLeaseLivesOn)
{
    auto client = connect(of(acme));
    auto server = log_in(1, boot_clock::now() + 3100ms);
    EXPECT_EQ(client.talk.until_ready(), "SSKZI");
    on->lease_renewed({acme, 1, role_class::rw, 1}, boot_clock::now() + 60s);
    auto [witness, other] = join_first(of(globex));
    on->lease_ending({globex, 1, role_class::rw, 1}, boot_clock::now() + 300ms);  // later than acme's old end
    EXPECT_EQ(other.next()->type, 'X');
    client.talk.send(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(client.talk.until_ready(), "CZI");
}

TEST_F(RelayOrders, AServerWithoutALeaseIsTaken)  // collapsed mode
{
    auto client = connect(of(acme));
    auto talk = hand_over(ports.next_request());
    EXPECT_EQ(client.talk.until_ready(), "KZI");
    client.talk.send(query("select 1"));
    EXPECT_EQ(talk.next()->type, 'Q');
}

TEST_F(RelayOrders, TheHoldOfALeaseEndsWithItsLastConnection)
{
    struct told_hold final : lease_hold
    {
        explicit told_hold(std::promise<void>& to) : to_(to) {}
        ~told_hold() override { to_.set_value(); }
        std::promise<void>& to_;
    };
    std::promise<void> ended;
    auto over = ended.get_future();
    auto client = connect(of(acme));
    auto hold = std::make_shared<told_hold>(ended);
    auto talk = hand_over(ports.next_request(), hold);
    EXPECT_EQ(client.talk.until_ready(), "KZI");
    client.talk.send(query("select 1"));
    EXPECT_EQ(talk.next()->type, 'Q');
    EXPECT_GT(hold->last_lent.load(), 0);
    hold.reset();
    EXPECT_EQ(over.wait_for(0ms), std::future_status::timeout);
    talk.close();
    EXPECT_EQ(over.wait_for(patience), std::future_status::ready);
}

TEST_F(RelayOrders, ADrainEndsIdleSessionsAndLetsTransactionsFinish)
{
    auto [works, server] = join_first(of(acme));
    auto idle = join(of(acme));
    begin(works.talk, server);
    std::promise<void> drained;
    auto done = drained.get_future();
    on->drain(10s, [&] { drained.set_value(); });
    const auto told = idle.talk.next();
    EXPECT_NE(field_of(*told, 'D').find("code=router_draining"), std::string_view::npos);
    auto late = connect(of(acme));
    EXPECT_NE(field_of(*late.talk.next(), 'D').find("code=router_draining"), std::string_view::npos);
    EXPECT_EQ(done.wait_for(0ms), std::future_status::timeout);
    works.talk.send(query("commit"));
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(works.talk.until_ready(), "CZI");
    EXPECT_EQ(sqlstate_of(*works.talk.next()), "57P01");
    EXPECT_EQ(done.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(server.next()->type, 'X');
}

TEST_F(RelayOrders, ADrainCutsWhatDoesNotFinish)
{
    auto [works, server] = join_first(of(acme));
    begin(works.talk, server);
    std::promise<void> drained;
    auto done = drained.get_future();
    on->drain(100ms, [&] { drained.set_value(); });
    EXPECT_EQ(sqlstate_of(*works.talk.next()), "57P01");
    EXPECT_EQ(done.wait_for(patience), std::future_status::ready);
}

TEST_F(RelayOrders, AnInternalCallHasConnectionsOfItsOwn)
{
    auto [client, theirs] = join_first(of(acme));
    auto reply = call(query("insert into hosts values (1)"));
    auto server = log_in();  // not the client's idle one
    EXPECT_EQ(server.next()->body, std::string("insert into hosts values (1)\0", 29));
    EXPECT_TRUE(theirs.is_silent());
    server.send(simple_reply("INSERT 0 1"));
    const auto answered = take(reply);
    const auto& got = std::get<internal_reply>(answered);
    EXPECT_EQ(got.bytes, simple_reply("INSERT 0 1"));
    EXPECT_EQ(got.transaction, 'I');
    EXPECT_EQ(got.link, 0U);

    auto again = call(query("select 1"));
    EXPECT_EQ(server.next()->type, 'Q');  // pooled
    server.send(error_reply("42P01"));
    EXPECT_EQ(std::get<internal_reply>(take(again)).bytes, error_reply("42P01"));
}

TEST_F(RelayOrders, AnInternalCallThatLeavesATransactionOpenIsRolledBack)
{
    auto reply = call(query("begin"));
    auto server = log_in();
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    EXPECT_EQ(std::get<internal_reply>(take(reply)).transaction, 'T');
    EXPECT_EQ(server.next()->body, std::string("ROLLBACK\0", 9));
}

TEST_F(RelayOrders, ALinkKeepsItsConnectionForTheWholeTransaction)
{
    auto first = call(query("begin"), 0, true);
    auto server = log_in();
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    const auto link = std::get<internal_reply>(take(first)).link;
    ASSERT_NE(link, 0U);
    auto other = call(query("select 'other'"));  // waits: the pool has one connection
    auto second = call(query("insert"), link, true);
    EXPECT_EQ(server.next()->body, std::string("insert\0", 7));
    server.send(simple_reply("INSERT 0 1", 'T'));
    EXPECT_EQ(std::get<internal_reply>(take(second)).link, link);
    auto third = call(query("commit"), link, true);
    EXPECT_EQ(server.next()->body, std::string("commit\0", 7));
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(std::get<internal_reply>(take(third)).link, 0U);
    EXPECT_EQ(server.next()->body, std::string("select 'other'\0", 15));
    server.send(simple_reply("SELECT 1"));
    EXPECT_EQ(std::get<internal_reply>(take(other)).transaction, 'I');
    auto late = call(query("select 1"), link, true);
    EXPECT_EQ(std::get<refusal>(take(late)).code, "server_lost");
}

TEST_F(RelayOrders, AReleasedLinkIsRolledBack)
{
    auto first = call(query("begin"), 0, true);
    auto server = log_in();
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("BEGIN", 'T'));
    const auto link = std::get<internal_reply>(take(first)).link;
    on->release_link({acme, role_class::rw, origin::platform}, link);
    EXPECT_EQ(server.next()->body, std::string("ROLLBACK\0", 9));
}

TEST_F(RelayOrders, AnInternalCallIsToldOfALostServerAndOfAKill)
{
    auto lost = call(query("insert"));
    auto server = log_in();
    EXPECT_EQ(server.next()->type, 'Q');
    server.close();
    EXPECT_EQ(std::get<refusal>(take(lost)).code, "server_lost");

    auto killed = call(query("insert"));
    auto second = log_in();
    EXPECT_EQ(second.next()->type, 'Q');
    auto told = kill(acme);
    EXPECT_EQ(std::get<refusal>(take(killed)).code, "session_revoked");
    EXPECT_EQ(take(told).servers, 1U);
}

TEST_F(RelayOrders, AnInternalBatchMustBeWhole)
{
    wire::message_writer out;
    out.parse("", "select 1");
    auto open = call(out.take());
    EXPECT_EQ(std::get<refusal>(take(open)).code, "protocol_violation");
    out.parse("named", "select 1").sync();
    auto named = call(out.take());
    EXPECT_EQ(std::get<refusal>(take(named)).code, "protocol_violation");
}

TEST_F(RelayOrders, AnUnusedPoolIsForgotten)
{
    auto [client, server] = join_first(of(acme));
    EXPECT_EQ(on->read_counters().pools.get(), 1U);
    client.talk.close();
    server.close();
    EXPECT_TRUE(ports.wait_for_closed(1));
    settle();
    EXPECT_EQ(on->read_counters().pools.get(), 0U);
    EXPECT_EQ(on->read_counters().sessions.get(), 0U);
}

TEST_F(RelayOrders, C3_OtherLimitsHoldForThePoolsThatAreThere)
{
    auto options = of(acme);
    options.limits.max_servers = 1;
    auto [first, server] = join_first(options);
    auto second = join(options);
    auto [theirs, other] = join_first(of(globex));
    begin(first.talk, server);
    second.talk.send(query("select 1"));
    settle();
    EXPECT_FALSE(ports.next_request(0ms)) << "one server, and it is taken";

    const auto limit_acme = [&](std::uint32_t servers) {
        auto limits = options.limits;
        limits.max_servers = servers;
        on->relimit(
            [limits, acme = acme](const tenant_id& tenant) {
                return tenant == acme ? std::optional(limits) : std::nullopt;
            },
            100
        );
    };
    limit_acme(2);
    auto more = log_in();
    EXPECT_EQ(more.next()->type, 'Q');
    more.send(simple_reply("SELECT 1"));
    EXPECT_EQ(second.talk.until_ready(), "CZI");

    limit_acme(1);
    EXPECT_EQ(more.next()->type, 'X') << "the idle one is above the limit";
    first.talk.send(query("commit"));  // the session of before goes on
    EXPECT_EQ(server.next()->type, 'Q');
    server.send(simple_reply("COMMIT"));
    EXPECT_EQ(first.talk.until_ready(), "CZI");
    theirs.talk.send(query("select 2"));
    EXPECT_EQ(other.next()->type, 'Q');
}

TEST_F(RelayOrders, C3_AServerAboveALoweredLimitGoesWhenItIsGivenBack)
{
    auto options = of(acme);
    options.limits.max_servers = 2;
    auto [first, server] = join_first(options);
    auto second = join(options);
    auto [theirs, other] = join_first(of(globex));
    begin(first.talk, server);
    second.talk.send(query("select 1"));
    auto more = log_in();
    EXPECT_EQ(more.next()->type, 'Q');
    auto limits = options.limits;
    limits.max_servers = 1;
    limits.idle_client = 50ms;
    on->relimit([limits](const tenant_id&) { return std::optional(limits); }, 100);
    EXPECT_EQ(theirs.talk.next()->type, 'E') << "idle for longer than a session may be now";
    more.send(simple_reply("SELECT 1"));
    EXPECT_EQ(second.talk.until_ready(), "CZI");
    EXPECT_EQ(more.next()->type, 'X');
    EXPECT_TRUE(more.is_closed());
}

}  // namespace
}  // namespace leasehold::router::relay::test
