#include <leasehold/router/wire/reply_queue.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

namespace leasehold::router::wire {
namespace {

client_message client_of(char type)
{
    static const std::map<char, client_message> types{
        {'Q', client_message::query},
        {'F', client_message::function_call},
        {'S', client_message::sync},
        {'P', client_message::parse},
        {'B', client_message::bind},
        {'D', client_message::describe},
        {'E', client_message::execute},
        {'C', client_message::close},
        {'H', client_message::flush},
        {'d', client_message::copy_data},
        {'c', client_message::copy_done},
        {'f', client_message::copy_fail},
    };
    return types.at(type);
}

server_event server_of(char type)
{
    static const std::map<char, server_message> types{
        {'Z', server_message::ready_for_query},
        {'C', server_message::command_complete},
        {'E', server_message::error_response},
        {'N', server_message::notice_response},
        {'S', server_message::parameter_status},
        {'A', server_message::notification},
        {'T', server_message::row_description},
        {'D', server_message::data_row},
        {'1', server_message::parse_complete},
        {'2', server_message::bind_complete},
        {'3', server_message::close_complete},
        {'n', server_message::no_data},
        {'t', server_message::parameter_description},
        {'s', server_message::portal_suspended},
        {'I', server_message::empty_query},
        {'V', server_message::function_result},
        {'G', server_message::copy_in},
        {'H', server_message::copy_out},
        {'d', server_message::copy_data},
        {'c', server_message::copy_done},
    };
    server_event event;
    event.message = types.at(type);
    return event;
}

// A conversation, one character a message: `>` before what is sent, `<` before what comes back. False at the
// first reply that nothing asked for.
bool talk(reply_queue& queue, std::string_view script)
{
    bool sending = true;
    for (const char one : script) {
        if (one == ' ') continue;
        if (one == '>' || one == '<')
            sending = one == '>';
        else if (sending)
            queue.sent(client_of(one));
        else if (!queue.received(server_of(one)))
            return false;
    }
    return true;
}

TEST(ReplyQueue, IsEmptyWhenEverythingWasAnswered)
{
    for (const char* script : {">Q <TDDCZ",       ">Q <CCTDCZ",       ">Q <IZ",
                               ">Q <EZ",          ">Q <TDEZ",         ">PBDES <12TDDCZ",
                               ">PBDES <12nCZ",   ">PDS <1tTZ",       ">PBES PBES <12CZ12CZ",
                               ">PBEPBES <12sEZ", ">PBEH <12C >S <Z", ">PBES <EZ",
                               ">PBES <1EZ",      ">PH <E >BDES <Z",  ">S <Z",
                               ">F <VZ",          ">CS <3Z",          ">Q <NSATACSZ",
                               ">QQQ <CZEZCZ",    ">Q <HddcCZ"}) {
        reply_queue queue;
        EXPECT_TRUE(talk(queue, script)) << script;
        EXPECT_TRUE(queue.is_empty()) << script;
        EXPECT_EQ(queue.ready_owed(), 0U) << script;
    }
}

TEST(ReplyQueue, IsNotEmptyWhileSomethingIsOwedOrABatchIsOpen)
{
    for (const char* script :
         {">Q", ">Q <C", ">QQ <CZ", ">P", ">P <1", ">PH <1", ">PBES <12C", ">PH <E", ">Q <G"}) {
        reply_queue queue;
        EXPECT_TRUE(talk(queue, script)) << script;
        EXPECT_FALSE(queue.is_empty()) << script;
    }
}

TEST(ReplyQueue, RefusesRepliesThatNothingAskedFor)
{
    for (const char* script :
         {"<Z",
          "<C",
          "<D",
          ">Q <CZZ",
          ">Q <1",
          ">PBES <2",
          ">PBES <12CC",
          ">PBES <Z",
          ">S <C",
          ">Q <V",
          ">Q <s",
          ">S <G"}) {
        reply_queue queue;
        EXPECT_FALSE(talk(queue, script)) << script;
    }
}

TEST(ReplyQueue, SkipsAQueryThatComesBehindAnErrorInAnOpenBatch)
{
    reply_queue queue;
    EXPECT_TRUE(talk(queue, ">PQS <EZ"));
    EXPECT_TRUE(queue.is_empty());
    EXPECT_TRUE(talk(queue, ">P <E >QS <Z"));
    EXPECT_TRUE(queue.is_empty());
}

TEST(ReplyQueue, LetsAnErrorComeAtAnyTime)
{
    reply_queue queue;
    EXPECT_TRUE(talk(queue, "<E"));
    EXPECT_TRUE(queue.is_empty());
}

TEST(ReplyQueue, KnowsThatCopyInSwallowsSync)
{
    for (const char* script :
         {">Q <G >ddc <CZ",
          ">Q <G >ddf <EZ",
          ">Q <G >d <E >dc <Z",
          ">Q <GEZ >ddc",
          ">QdcQ <GCZCZ",
          ">QcQ <EZCZ",
          ">PBES <12G >ddcS <CZ",
          ">PBE <12G >dSHdSc S <CZ",
          ">PBEdcS <12GCZ",
          ">PBESdcS <12GCZ",
          ">PBES <12G >d <E >cS <Z",
          ">PBES <12G >d <E >S <Z",
          ">PBES <12G >dfS <EZ"}) {
        reply_queue queue;
        EXPECT_TRUE(talk(queue, script)) << script;
        EXPECT_TRUE(queue.is_empty()) << script;
        EXPECT_EQ(queue.ready_owed(), 0U) << script;
        EXPECT_TRUE(talk(queue, ">Q <CZ")) << script;
        EXPECT_TRUE(queue.is_empty()) << script;
    }
    reply_queue queue;
    EXPECT_TRUE(talk(queue, ">PBES <12G"));
    EXPECT_TRUE(queue.is_copying_in());
    EXPECT_TRUE(queue.batch_open());
    EXPECT_EQ(queue.ready_owed(), 0U);
}

TEST(ReplyQueue, TellsOursFromTheClients)
{
    reply_queue queue;
    queue.sent(client_message::query, reply::skip);
    queue.sent(client_message::parse, reply::fake);
    queue.sent(client_message::bind);
    queue.sent(client_message::execute);
    queue.sent(client_message::sync);
    EXPECT_EQ(queue.next_fake(), std::nullopt);
    EXPECT_EQ(queue.received(server_of('C')), reply::skip);
    EXPECT_EQ(queue.received(server_of('S')), reply::forward);
    EXPECT_EQ(queue.received(server_of('Z')), reply::skip);
    EXPECT_EQ(queue.next_fake(), client_message::parse);
    EXPECT_EQ(queue.next_fake(), std::nullopt);
    EXPECT_EQ(queue.received(server_of('2')), reply::forward);
    EXPECT_EQ(queue.received(server_of('C')), reply::forward);
    EXPECT_EQ(queue.received(server_of('Z')), reply::forward);
    EXPECT_TRUE(queue.is_empty());
}

TEST(ReplyQueue, OwesNoFakeBehindAnError)
{
    reply_queue queue;
    queue.sent(client_message::bind);
    queue.sent(client_message::parse, reply::fake);
    queue.sent(client_message::sync);
    EXPECT_EQ(queue.received(server_of('E')), reply::forward);
    EXPECT_EQ(queue.next_fake(), std::nullopt);
    EXPECT_EQ(queue.received(server_of('Z')), reply::forward);
    EXPECT_TRUE(queue.is_empty());
}

TEST(ReplyQueue, KeepsTheOrderOfThousands)
{
    reply_queue queue;
    std::size_t sent = 0;
    std::size_t answered = 0;
    for (int round = 0; round < 200; ++round) {
        for (int i = 0; i < 101; ++i, ++sent)
            queue.sent(sent % 3 == 0 ? client_message::query : client_message::sync);
        for (int i = 0; i < 52; ++i, ++answered) {
            ASSERT_TRUE(talk(queue, answered % 3 == 0 ? "<CZ" : "<Z"));
        }
        ASSERT_EQ(queue.ready_owed(), sent - answered);
    }
    EXPECT_FALSE(queue.is_full());
    for (int i = 0; i < 300; ++i) queue.sent(client_message::sync);
    EXPECT_TRUE(queue.is_full());
    queue.clear();
    EXPECT_TRUE(queue.is_empty());
}

}  // namespace
}  // namespace leasehold::router::wire
