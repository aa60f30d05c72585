#include "stream_trace.hpp"

#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/message_writer.hpp>
#include <leasehold/router/wire/scram.hpp>
#include <leasehold/router/wire/startup.hpp>

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

// Bytes nobody would send: valid ones with some of them changed. What is asked is that nothing reads past its
// end (AddressSanitizer), that cutting changes nothing, and that no piece is larger than what was given.
namespace leasehold::router::wire {
namespace {

std::string spoiled(std::string bytes, std::mt19937& draw)
{
    for (unsigned changes = 1 + draw() % 4; changes > 0 && !bytes.empty(); --changes) {
        const auto at = draw() % bytes.size();
        switch (draw() % 3) {
        case 0:
            bytes[at] = static_cast<char>(draw() % 256);
            break;
        case 1:
            bytes.erase(at, 1 + draw() % 3);
            break;
        default:
            bytes.insert(at, 1 + draw() % 3, static_cast<char>(draw() % 256));
            break;
        }
    }
    return bytes;
}

TEST(ForeignBytes, LeaveTheClientStreamInOrder)
{
    message_writer out;
    out.query("select 'x'; listen y")
        .parse("s", "set a = $1")
        .bind("p", "s", {})
        .describe('S', "s")
        .execute("p")
        .sync();
    std::mt19937 draw(1);
    int refused = 0;
    for (int round = 0; round < 400; ++round)
        refused +=
            test::trace_of<client_stream>(spoiled(std::string(out.view()), draw)).violation.empty() ? 0 : 1;
    EXPECT_GT(refused, 100);
    EXPECT_LT(refused, 400);
}

TEST(ForeignBytes, LeaveTheServerStreamInOrder)
{
    const std::array<error_field, 3> error{{{'S', "ERROR"}, {'C', "22P02"}, {'M', "no"}}};
    message_writer out;
    out.authentication_ok().parameter_status("a", "b").backend_key_data(1, "abcd").ready_for_query('I');
    out.row_description({})
        .data_row({})
        .command_complete("SELECT 1")
        .error_response(error)
        .ready_for_query('T');
    std::mt19937 draw(2);
    int refused = 0;
    for (int round = 0; round < 400; ++round)
        refused +=
            test::trace_of<server_stream>(spoiled(std::string(out.view()), draw)).violation.empty() ? 0 : 1;
    EXPECT_GT(refused, 100);
    EXPECT_LT(refused, 400);
}

TEST(ForeignBytes, LeaveTheStartupParserInOrder)
{
    const std::array<startup_pair, 3> pairs{{{"user", "key.acme"}, {"database", "acme"}, {"_pq_.x", "1"}}};
    const auto good = message_writer().startup(protocol_3_2, pairs).take();
    std::mt19937 draw(3);
    int refused = 0;
    for (int round = 0; round < 2000; ++round) {
        const auto bytes = spoiled(good, draw);
        startup_parser parser;
        const auto packet = parser.next(bytes);
        EXPECT_LE(parser.consumed(), bytes.size());
        if (std::holds_alternative<violation>(packet)) ++refused;
        if (const auto* message = std::get_if<startup_message>(&packet)) {
            EXPECT_FALSE(message->user().empty());
            EXPECT_LE(message->protocol_extensions().size(), 3U);
        }
    }
    EXPECT_GT(refused, 500);
    EXPECT_LT(refused, 2000);
}

TEST(ForeignBytes, NeverProveAnything)
{
    const auto salted = crypto::pbkdf2_sha256("pencil", "salt", scram_iterations_min);
    scram_verifier verifier;
    verifier.salt = "salt";
    verifier.stored_key =
        crypto::sha256(crypto::view(crypto::hmac_sha256(crypto::view(salted), "Client Key")));
    verifier.server_key = crypto::hmac_sha256(crypto::view(salted), "Server Key");
    std::mt19937 draw(4);
    int proven = 0;
    for (int round = 0; round < 300; ++round) {
        scram_server server(verifier, "");
        scram_client client("");
        ASSERT_TRUE(client.choose(std::string_view("SCRAM-SHA-256\0\0", 15)));
        const auto first = server.begin(scram_sha_256, client.begin().out);
        ASSERT_EQ(client.read_challenge(first.out).state, scram_state::send);
        const auto good = client.respond(crypto::view(salted)).out;
        const auto sent = round == 0 ? good : spoiled(good, draw);
        const bool is_same = sent == good;
        EXPECT_EQ(server.finish(sent).state == scram_state::done, is_same) << sent;
        proven += is_same ? 1 : 0;
    }
    EXPECT_GE(proven, 1);
    EXPECT_LT(proven, 30);
}

}  // namespace
}  // namespace leasehold::router::wire
