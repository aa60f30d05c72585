#include "identity.hpp"
#include "scratch_folder.hpp"
#include "signature.hpp"
#include "state_folder.hpp"
#include "verdict.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace leasehold::agent {
namespace {

TEST(Verdict, FollowsTheTableOfTheApi)
{
    struct row
    {
        int status;
        const char* code;
        verdict wanted;
    };
    constexpr std::array rows{
        row{200, "", verdict::stored},
        row{204, "", verdict::stored},
        row{400, "malformed", verdict::set_aside},
        row{413, "body_too_large", verdict::set_aside},
        row{422, "field_invalid", verdict::set_aside},
        row{401, "token_invalid", verdict::token_refused},
        row{403, "token_expired", verdict::token_refused},
        row{409, "token_used_up", verdict::token_refused},
        row{401, "credential_expired", verdict::renew},
        row{401, "credential_invalid", verdict::credential_dead},
        row{402, "license_expired", verdict::hold},
        row{403, "approval_pending", verdict::hold},
        row{403, "tenant_suspended", verdict::hold},
        row{409, "host_limit", verdict::hold},
        row{403, "host_locked", verdict::stop_sending},
        row{403, "host_revoked", verdict::stop_sending},
        row{403, "route_key_conflict", verdict::stop_sending},
        row{429, "rate_limited", verdict::later},
        row{503, "tenant_unavailable", verdict::later},
        row{500, "internal", verdict::later},
        row{404, "", verdict::later},
        row{0, "http_unreachable", verdict::later},
    };
    for (const auto& one : rows)
        EXPECT_EQ(judge(one.status, one.code), one.wanted) << one.status << " " << one.code;
}

TEST(Signature, IsOverTheTextThatTheGatewayRebuilds)
{
    const auto pair = crypto::make_ed25519_pair();
    const auto hex = [](std::string_view text) { return crypto::to_hex(crypto::view(crypto::sha256(text))); };
    const auto enrollment = crypto::from_base64(sign_enrollment(pair.seed, "lh_enr_x", "{}"));
    ASSERT_TRUE(enrollment);
    const auto text = "leasehold-enroll-1\n" + hex("lh_enr_x") + "\n" + hex("{}");
    EXPECT_TRUE(crypto::ed25519_verify(pair.public_key, text, *enrollment));
    EXPECT_FALSE(crypto::ed25519_verify(pair.public_key, text + " ", *enrollment));

    const auto host = host_id::random();
    const auto renewal = crypto::from_base64(sign_renewal(pair.seed, host, 7, "{}"));
    ASSERT_TRUE(renewal);
    EXPECT_TRUE(crypto::ed25519_verify(
        pair.public_key, "leasehold-renew-1\n" + host.to_string() + "\n7\n" + hex("{}"), *renewal
    ));
}

TEST(Identity, SurvivesTheDiskAndIsClosedToOthers)
{
    const test::scratch_folder folder;
    const auto file = folder.path() / "identity.json";
    EXPECT_FALSE(load_identity(file));
    auto who = make_identity("machine");
    who.host = host_id::random();
    who.credential = secret<std::string>("lh_host_x");
    who.generation = 3;
    who.state = "active";
    who.expires_at = *parse_rfc3339("2026-01-02T03:04:05.678Z");
    store_identity(file, who);
    const auto again = load_identity(file);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->public_key, who.public_key);
    EXPECT_EQ(again->host, who.host);
    EXPECT_EQ(again->credential.reveal(), "lh_host_x");
    EXPECT_EQ(again->generation, 3);
    EXPECT_EQ(again->expires_at, who.expires_at);
    EXPECT_EQ(again->machine_hint, machine_hint_of(again->salt, "machine"));
    EXPECT_NE(again->machine_hint, machine_hint_of(again->salt, "other"));
    struct stat facts
    {};
    ASSERT_EQ(::stat(file.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);

    folder.write("identity.json", "{\"seed\":\"lh_host_secret\"");
    try {
        load_identity(file);
        ADD_FAILURE() << "accepted";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), "identity_damaged");
        EXPECT_EQ(std::string(why.what()).find("lh_host_secret"), std::string::npos);
    }
}

TEST(StateFolder, OneProcessAtATime)
{
    const test::scratch_folder folder;
    {
        const state_folder first(folder.path() / "state");
        try {
            const state_folder second(folder.path() / "state");
            ADD_FAILURE() << "two agents share one folder";
        } catch (const error& why) {
            EXPECT_EQ(why.code(), "already_running");
        }
    }
    const state_folder third(folder.path() / "state");
}

}  // namespace
}  // namespace leasehold::agent
