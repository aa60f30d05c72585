#include <leasehold/base/crypto.hpp>
#include <leasehold/router/wire/scram.hpp>

#include <gtest/gtest.h>

#include <string>

namespace leasehold::router::wire {
namespace {

using namespace std::string_view_literals;

// RFC 7677 §3: user "user", password "pencil".
const std::string client_nonce = "rOprNGfwEbeRWgbNEkqO";
const std::string server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string salt_text = "W22ZaJ0SNY7soEsUEjb6gQ==";
const std::string client_first = "n,,n=user,r=" + client_nonce;
const std::string server_first = "r=" + client_nonce + server_nonce + ",s=" + salt_text + ",i=4096";
const std::string client_final =
    "c=biws,r=" + client_nonce + server_nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const std::string server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::string salted(std::string_view password, std::string_view salt, int iterations)
{
    return std::string(crypto::view(crypto::pbkdf2_sha256(password, salt, iterations)));
}

scram_verifier verifier_of_pencil()
{
    const auto secret = salted("pencil", crypto::from_base64(salt_text).value(), 4096);
    scram_verifier verifier;
    verifier.salt = crypto::from_base64(salt_text).value();
    verifier.stored_key = crypto::sha256(crypto::view(crypto::hmac_sha256(secret, "Client Key")));
    verifier.server_key = crypto::hmac_sha256(secret, "Server Key");
    return verifier;
}

TEST(ScramServer, SpeaksTheExampleOfTheRfc)
{
    scram_server server(verifier_of_pencil(), "", server_nonce);
    const auto first = server.begin(scram_sha_256, client_first);
    EXPECT_EQ(first.state, scram_state::send);
    EXPECT_EQ(first.out, server_first);
    const auto final = server.finish(client_final);
    EXPECT_EQ(final.state, scram_state::done);
    EXPECT_EQ(final.out, server_final);
    EXPECT_EQ(server.finish(client_final).state, scram_state::failed);
}

TEST(ScramServer, RefusesEveryOtherProof)
{
    for (std::size_t at = client_final.size() - 44; at < client_final.size(); ++at) {
        auto other = client_final;
        other[at] = other[at] == 'A' ? 'B' : 'A';
        scram_server server(verifier_of_pencil(), "", server_nonce);
        (void)server.begin(scram_sha_256, client_first);
        EXPECT_EQ(server.finish(other).state, scram_state::failed) << at;
    }
}

TEST(ScramServer, RefusesEveryMessageCutShort)
{
    for (std::size_t cut = 0; cut < client_first.size() - client_nonce.size() + 1; ++cut) {
        scram_server server(verifier_of_pencil(), "", server_nonce);
        EXPECT_EQ(server.begin(scram_sha_256, client_first.substr(0, cut)).state, scram_state::failed) << cut;
    }
    for (std::size_t cut = 0; cut < client_final.size(); ++cut) {
        scram_server server(verifier_of_pencil(), "", server_nonce);
        (void)server.begin(scram_sha_256, client_first);
        EXPECT_EQ(server.finish(client_final.substr(0, cut)).state, scram_state::failed) << cut;
    }
}

scram_failure begins(std::string_view mechanism, std::string_view first, std::string binding)
{
    scram_server server(verifier_of_pencil(), std::move(binding), server_nonce);
    return server.begin(mechanism, first).why;
}

TEST(ScramServer, HoldsTheGrammarAndTheBindingRules)
{
    EXPECT_EQ(begins(scram_sha_256, "n,,n=,r=abc", ""), scram_failure::none);
    EXPECT_EQ(begins(scram_sha_256, "n,,n=,r=abc", "hash"), scram_failure::none);
    EXPECT_EQ(begins(scram_sha_256, "y,,n=,r=abc", ""), scram_failure::none);
    EXPECT_EQ(begins(scram_sha_256, "y,,n=,r=abc", "hash"), scram_failure::downgrade);
    EXPECT_EQ(begins(scram_sha_256_plus, "p=tls-server-end-point,,n=,r=abc", "hash"), scram_failure::none);
    EXPECT_EQ(begins(scram_sha_256_plus, "p=tls-server-end-point,,n=,r=abc", ""), scram_failure::unsupported);
    EXPECT_EQ(begins(scram_sha_256_plus, "p=tls-unique,,n=,r=abc", "hash"), scram_failure::unsupported);
    EXPECT_EQ(begins(scram_sha_256_plus, "n,,n=,r=abc", "hash"), scram_failure::malformed);
    EXPECT_EQ(begins(scram_sha_256, "p=tls-server-end-point,,n=,r=abc", "hash"), scram_failure::malformed);
    EXPECT_EQ(begins("SCRAM-SHA-1", "n,,n=,r=abc", ""), scram_failure::unsupported);
    EXPECT_EQ(begins("", "n,,n=,r=abc", ""), scram_failure::unsupported);
    EXPECT_EQ(begins(scram_sha_256, "n,a=other,n=,r=abc", ""), scram_failure::unsupported);
    EXPECT_EQ(begins(scram_sha_256, "n,,m=x,n=,r=abc", ""), scram_failure::unsupported);
    EXPECT_EQ(begins(scram_sha_256, "n,,n=,r=", ""), scram_failure::malformed);
    EXPECT_EQ(begins(scram_sha_256, "n,,n=,r=a\x01", ""), scram_failure::malformed);
    EXPECT_EQ(begins(scram_sha_256, "n,,r=abc,n=", ""), scram_failure::malformed);
    EXPECT_EQ(begins(scram_sha_256, "x,,n=,r=abc", ""), scram_failure::malformed);
    EXPECT_EQ(begins(scram_sha_256, "", ""), scram_failure::malformed);
}

TEST(ScramServer, OffersPlusFirstAndOnlyWithABinding)
{
    EXPECT_EQ(scram_server::mechanisms(true), (std::vector{scram_sha_256_plus, scram_sha_256}));
    EXPECT_EQ(scram_server::mechanisms(false), (std::vector{scram_sha_256}));
}

TEST(ScramServer, LooksTheSameForAUserThatDoesNotExist)
{
    const auto first = [](std::string_view user) {
        scram_server server(make_mock_verifier("mock key", user), "", server_nonce);
        return server.begin(scram_sha_256, client_first).out;
    };
    EXPECT_EQ(first("ghost"), first("ghost"));
    EXPECT_NE(first("ghost"), first("other"));
    EXPECT_EQ(first("ghost").size(), server_first.size());  // the salt has PostgreSQL's length
    EXPECT_TRUE(first("ghost").ends_with(",i=4096"));

    scram_server server(make_mock_verifier("mock key", "ghost"), "", server_nonce);
    (void)server.begin(scram_sha_256, client_first);
    EXPECT_EQ(server.finish(client_final).why, scram_failure::mismatch);
    auto real = verifier_of_pencil();
    real.is_mock = true;
    scram_server lucky(real, "", server_nonce);
    (void)lucky.begin(scram_sha_256, client_first);
    EXPECT_EQ(lucky.finish(client_final).why, scram_failure::mismatch);
}

TEST(ParseScramVerifier, TakesWhatPostgresqlStores)
{
    const auto text = crypto::make_scram_verifier("pencil", 4096);
    const auto verifier = parse_scram_verifier(text);
    ASSERT_TRUE(verifier) << text;
    EXPECT_EQ(verifier->iterations, 4096);
    const auto secret = salted("pencil", verifier->salt, 4096);
    EXPECT_EQ(verifier->server_key, crypto::hmac_sha256(secret, "Server Key"));
    EXPECT_EQ(verifier->stored_key, crypto::sha256(crypto::view(crypto::hmac_sha256(secret, "Client Key"))));
    for (std::size_t cut = 0; cut < text.size(); ++cut)
        EXPECT_FALSE(parse_scram_verifier(text.substr(0, cut))) << cut;
}

TEST(ParseScramVerifier, HoldsTheBoundsOfTheIterations)
{
    const auto with = [](const std::string& iterations) {
        auto text = crypto::make_scram_verifier("pencil", 4096);
        text.replace(text.find("4096"), 4, iterations);
        return parse_scram_verifier(text).has_value();
    };
    EXPECT_TRUE(with("4096"));
    EXPECT_TRUE(with("200000"));
    EXPECT_FALSE(with("4095"));
    EXPECT_FALSE(with("200001"));
    EXPECT_FALSE(with("-4096"));
    EXPECT_FALSE(with("99999999999"));
    EXPECT_FALSE(with(""));
    EXPECT_FALSE(parse_scram_verifier("md5abcdef"));
}

// Both sides with each other; returns why the exchange failed, on whichever side.
scram_failure
exchange(std::string_view password, const std::string& server_side, const std::string& client_side)
{
    scram_server server(
        parse_scram_verifier(crypto::make_scram_verifier("pencil", 4096)).value(), server_side
    );
    scram_client client(client_side);
    std::string list;
    for (const auto name : scram_server::mechanisms(!server_side.empty())) list.append(name).push_back('\0');
    list.push_back('\0');
    EXPECT_TRUE(client.choose(list));
    EXPECT_EQ(client.uses_channel_binding(), !server_side.empty() && !client_side.empty());
    const auto first = server.begin(client.mechanism(), client.begin().out);
    if (first.state == scram_state::failed) return first.why;
    const auto read = client.read_challenge(first.out);
    if (read.state == scram_state::failed) return read.why;
    const auto answer = client.respond(salted(password, client.salt(), client.iterations()));
    const auto final = server.finish(answer.out);
    if (final.state == scram_state::failed) return final.why;
    return client.verify(final.out).why;
}

TEST(ScramClient, AgreesWithTheServerWithAndWithoutBinding)
{
    EXPECT_EQ(exchange("pencil", "", ""), scram_failure::none);
    EXPECT_EQ(exchange("pencil", "", "hash"), scram_failure::none);
    EXPECT_EQ(exchange("pencil", "hash", ""), scram_failure::none);
    EXPECT_EQ(exchange("pencil", "hash", "hash"), scram_failure::none);
    EXPECT_EQ(exchange("pencil", "hash", "another"), scram_failure::binding);
    EXPECT_EQ(exchange("Pencil", "", ""), scram_failure::mismatch);
    EXPECT_EQ(exchange("Pencil", "hash", "hash"), scram_failure::mismatch);
}

TEST(ScramClient, ChoosesAmongWhatIsOffered)
{
    const auto choose = [](std::string_view list, const std::string& binding) {
        scram_client client(binding);
        return client.choose(list) ? std::string(client.mechanism()) : std::string();
    };
    EXPECT_EQ(choose("SCRAM-SHA-256\0\0"sv, ""), scram_sha_256);
    EXPECT_EQ(choose("SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0"sv, "hash"), scram_sha_256_plus);
    EXPECT_EQ(choose("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"sv, ""), scram_sha_256);
    EXPECT_EQ(choose("SCRAM-SHA-256-PLUS\0\0"sv, ""), "");
    EXPECT_EQ(choose("OAUTHBEARER\0\0"sv, "hash"), "");
    EXPECT_EQ(choose("\0"sv, ""), "");
    EXPECT_EQ(choose("SCRAM-SHA-256"sv, ""), "");
    EXPECT_EQ(choose("SCRAM-SHA-256\0"sv, ""), "");
}

scram_failure reads(std::string_view challenge)
{
    scram_client client("", "abc");
    EXPECT_TRUE(client.choose("SCRAM-SHA-256\0\0"sv));
    EXPECT_EQ(client.begin().out, "n,,n=,r=abc");
    return client.read_challenge(challenge).why;
}

TEST(ScramClient, HoldsTheServerToNonceSaltAndIterations)
{
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=4096"), scram_failure::none);
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=200000"), scram_failure::none);
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=1"), scram_failure::iterations);
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=200001"), scram_failure::iterations);
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=4096x"), scram_failure::iterations);
    EXPECT_EQ(reads("r=abc,s=AAAA,i=4096"), scram_failure::malformed);   // nothing added
    EXPECT_EQ(reads("r=xbcX,s=AAAA,i=4096"), scram_failure::malformed);  // not ours
    EXPECT_EQ(reads("r=abcX,s=,i=4096"), scram_failure::malformed);
    EXPECT_EQ(reads("r=abcX,s=!!,i=4096"), scram_failure::malformed);
    EXPECT_EQ(reads("r=abcX,s=AAAA,i=4096,x=1"), scram_failure::malformed);
    EXPECT_EQ(reads("m=1,r=abcX,s=AAAA,i=4096"), scram_failure::unsupported);
    EXPECT_EQ(reads(""), scram_failure::malformed);
}

TEST(ScramClient, RefusesAServerThatDoesNotKnowTheVerifier)
{
    const auto verify = [](const std::string& last) {
        scram_client client("", client_nonce);
        EXPECT_TRUE(client.choose("SCRAM-SHA-256\0\0"sv));
        (void)client.begin();
        EXPECT_EQ(client.read_challenge(server_first).why, scram_failure::none);
        EXPECT_EQ(
            client.respond(salted("pencil", client.salt(), client.iterations())).state, scram_state::send
        );
        return client.verify(last);
    };
    EXPECT_EQ(
        verify(server_final).why, scram_failure::impostor
    );  // signed over another first message ("n=user")
    EXPECT_EQ(verify("v=AAAA").why, scram_failure::malformed);
    EXPECT_EQ(verify("e=invalid-proof").why, scram_failure::mismatch);
    EXPECT_EQ(verify("").why, scram_failure::malformed);
}

TEST(ScramClient, RefusesStepsOutOfOrder)
{
    scram_client client("");
    EXPECT_EQ(client.begin().state, scram_state::failed);
    EXPECT_FALSE(client.choose("SCRAM-SHA-256\0\0"sv));
    scram_client other("");
    EXPECT_TRUE(other.choose("SCRAM-SHA-256\0\0"sv));
    EXPECT_EQ(other.verify(server_final).state, scram_state::failed);
    scram_server server(verifier_of_pencil(), "", server_nonce);
    EXPECT_EQ(server.finish(client_final).state, scram_state::failed);
    EXPECT_EQ(server.begin(scram_sha_256, client_first).state, scram_state::failed);
}

}  // namespace
}  // namespace leasehold::router::wire
