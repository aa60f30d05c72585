#include "fake_clock.hpp"
#include "fake_ports.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/http/problem.hpp>
#include <leasehold/router/agents/gateway.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace leasehold::router::agents::test {
namespace {

using http::method;
using nlohmann::json;

std::string hex_digest(std::string_view text)
{
    return crypto::to_hex(crypto::view(crypto::sha256(text)));
}

// The gateway on fake ports, called without a socket. Two tenants are always there.
class GatewayTest : public ::testing::Test
{
protected:
    GatewayTest()
        : keys(hmac_keys::make_file_content())
        , ports(keys)
        , at(ports, values, keys, clock, meters)
        , acme(ports.add_tenant("acme"))
        , globex(ports.add_tenant("globex"))
    {
        clock.advance_to(real_clock().wall());
    }

    http::reply send(
        method verb,
        const std::string& path,
        const std::string& bearer,
        const std::string& body = "",
        const std::string& host = "agents.example.com",
        const std::string& signature = ""
    )
    {
        http::incoming what(verb, "/agent/v1" + path);
        what.verb_text = http::to_text(verb);
        what.peer = "127.0.0.1";
        what.body = body;
        what.fields.set("Host", host);
        if (!bearer.empty()) what.fields.set("Authorization", "Bearer " + bearer);
        if (!body.empty()) what.fields.set("Content-Type", "application/json");
        if (!signature.empty()) what.fields.set("Leasehold-Signature", signature);
        return leasehold::run(at.routes().handle(std::move(what)));
    }
    static json body_of(const http::reply& reply)
    {
        return reply.body.empty() ? json() : json::parse(reply.body);
    }
    static std::string code_of(const http::reply& reply)
    {
        const auto body = body_of(reply);
        return body.is_object() ? body.value("code", std::string()) : std::string();
    }

    struct machine
    {
        crypto::ed25519_pair pair = crypto::make_ed25519_pair();
        json body = {{"name", "web-1"}, {"fqdn", "web-1.example.com"}, {"labels", {{"role", "web"}}}};
    };
    http::reply enroll(
        const machine& from,
        const std::string& token,
        const std::string& host = "agents.example.com",
        const std::string& extra = ""
    )
    {
        auto content = from.body;
        content["public_key"] = crypto::to_base64(from.pair.public_key);
        if (!extra.empty()) content.update(json::parse(extra));
        const auto body = content.dump();
        const auto text = "leasehold-enroll-1\n" + hex_digest(token) + "\n" + hex_digest(body);
        const auto signature = crypto::to_base64(crypto::ed25519_sign(from.pair.seed.reveal(), text));
        return send(method::post, "/enroll", token, body, host, signature);
    }
    static std::string beat_body(const std::string& metrics = R"({"load1":0.5})")
    {
        return R"({"at":"2026-01-01T00:00:00Z","agent_version":"1","metrics":)" + metrics +
               R"(,"have":{"os":"aa","packages":"bb"}})";
    }
    host_id only_host() const { return ports.hosts.begin()->first; }

    hmac_keys keys;
    config values;
    leasehold::test::fake_clock clock;
    metrics meters;
    fake_ports ports;
    gateway at;
    tenant_id acme;
    tenant_id globex;
};

// -- enrollment --

TEST_F(GatewayTest, EnrollsAHostIntoItsTokensTenant)
{
    const auto token = ports.add_token(acme, [](auto& row) { row.tags = R"({"role":"db","site":"north"})"; });
    const machine web;
    const auto reply = enroll(web, token);
    ASSERT_EQ(reply.status, 201) << reply.body;
    const auto body = body_of(reply);
    EXPECT_EQ(body["host_id"], only_host().to_string());
    EXPECT_EQ(body["tenant"]["tid"], tid::of(acme).text());
    EXPECT_EQ(body["state"], "active");
    EXPECT_EQ(body["generation"], 1);
    EXPECT_EQ(body["next_s"], 60);
    EXPECT_TRUE(reply.fields.find("Leasehold-Time"));
    ASSERT_EQ(ports.calls.size(), 1U);
    EXPECT_EQ(ports.calls[0].tenant, acme);
    const auto& row = ports.calls[0].statements.at(0).values;
    EXPECT_EQ(row.at(0), only_host().to_string());
    // The token's tags are the operator's word.
    EXPECT_EQ(json::parse(*row.at(9)), json::parse(R"({"role":"db","site":"north"})"));

    const auto credential = body["credential"].get<std::string>();
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body()).status, 200);
    EXPECT_EQ(ports.promotions, 1);  // confirmed by its first use
}

TEST_F(GatewayTest, ManualApprovalAnswers202AndPending)
{
    const auto token = ports.add_token(acme, [](auto& row) { row.approval = "manual"; });
    const auto reply = enroll(machine(), token);
    ASSERT_EQ(reply.status, 202);
    EXPECT_EQ(body_of(reply)["state"], "pending");
    const auto credential = body_of(reply)["credential"].get<std::string>();
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body("{}")).status, 200);
    EXPECT_EQ(code_of(send(method::post, "/heartbeat", credential, beat_body())), "approval_pending");
    EXPECT_EQ(code_of(send(method::post, "/events", credential, R"({"events":[]})")), "approval_pending");
    EXPECT_EQ(send(method::get, "/self", credential).status, 200);
    ports.hosts[only_host()].state = "active";  // positive control
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body()).status, 200);
    EXPECT_EQ(send(method::post, "/events", credential, R"({"events":[]})").status, 200);
}

TEST_F(GatewayTest, H4_AReplayAfterALostAnswerOrAFailedStepIsTheSameHostAndOneUse)
{
    const auto token = ports.add_token(acme);
    const machine web;
    // Step 4 fails: the tenant's database is away.
    ports.on_run = [](const auto&) {
        throw error(error_kind::unavailable, "server_unavailable", "the server is away");
    };
    const auto failed = enroll(web, token);
    EXPECT_EQ(failed.status, 503);
    EXPECT_EQ(code_of(failed), "tenant_unavailable");
    EXPECT_TRUE(failed.fields.find("Retry-After"));
    EXPECT_EQ(ports.hosts.at(only_host()).state, "enrolling");
    const auto id = only_host().to_string();
    ports.on_run = {};
    const auto second = enroll(web, token);  // whose answer is lost
    ASSERT_EQ(second.status, 201);
    const auto third = enroll(web, token);
    ASSERT_EQ(third.status, 201);
    EXPECT_EQ(body_of(third)["host_id"], id);
    EXPECT_EQ(ports.hosts.size(), 1U);
    EXPECT_EQ(ports.tokens.begin()->second.uses, 1);
    EXPECT_EQ(body_of(third)["generation"], 1);

    // The unconfirmed one died; the one that came last works, and confirms.
    const auto old_credential = body_of(second)["credential"].get<std::string>();
    const auto credential = body_of(third)["credential"].get<std::string>();
    EXPECT_EQ(code_of(send(method::get, "/self", old_credential)), "credential_invalid");
    EXPECT_EQ(send(method::get, "/self", credential).status, 200);
    const auto late = enroll(web, token);
    EXPECT_EQ(late.status, 409);
    EXPECT_EQ(code_of(late), "already_enrolled");
    EXPECT_EQ(code_of(enroll(machine(), token)), "token_used_up");
}

TEST_F(GatewayTest, H4_TheReconcilePassFinishesWhatNobodyCameBackFor)
{
    const auto token = ports.add_token(acme);
    const machine web;
    ports.on_run = [](const auto&) { throw error(error_kind::unavailable, "server_unavailable", "away"); };
    enroll(web, token);
    ports.on_run = {};
    ports.calls.clear();
    leasehold::run(at.reconcile());
    EXPECT_TRUE(ports.calls.empty());  // too fresh: the agent may be on its way
    clock.advance(std::chrono::minutes(3));
    leasehold::run(at.reconcile());
    ASSERT_EQ(ports.calls.size(), 2U);  // the row, and the approval that the registry then gave
    EXPECT_EQ(ports.calls[0].tenant, acme);
    EXPECT_EQ(ports.calls[1].tenant, acme);
    EXPECT_EQ(ports.hosts.at(only_host()).state, "active");
    EXPECT_EQ(enroll(web, token).status, 201);
    EXPECT_EQ(ports.hosts.size(), 1U);
}

TEST_F(GatewayTest, H5_HoldersAreToldTheTruthAndEverybodyElseOneAnswer)
{
    struct row
    {
        const char* outcome;
        int status;
    };
    const std::vector<row> rows{
        {"token_expired", 401},
        {"token_used_up", 401},
        {"token_revoked", 401},
        {"token_network", 401},
        {"tenant_suspended", 403},
        {"tenant_not_ready", 503},
        {"already_enrolled", 409},
        {"host_limit", 409},
        {"license_host_limit", 402},
        {"license_expired", 402},
    };
    for (const auto& one : rows) {
        const auto token = ports.add_token(acme, [&](auto& t) { t.outcome = one.outcome; });
        const auto reply = enroll(machine(), token);
        EXPECT_EQ(reply.status, one.status) << one.outcome;
        EXPECT_EQ(code_of(reply), one.outcome);
    }
    EXPECT_EQ(enroll(machine(), ports.add_token(globex)).status, 201);  // positive control

    // Unknown id, and a known id with another secret: the same words.
    const auto stranger =
        std::string(credential::make(credential_type::enrollment, uuid::random()).to_text().reveal());
    const auto known = ports.tokens.begin()->first;
    const auto guess =
        std::string(credential::make(credential_type::enrollment, known.value()).to_text().reveal());
    std::set<std::string> answers;
    for (const auto& token : {stranger, guess, std::string("lh_enr_short"), std::string()}) {
        const auto reply = enroll(machine(), token);
        EXPECT_EQ(reply.status, 401);
        auto body = body_of(reply);
        EXPECT_EQ(body["code"], "token_invalid");
        body.erase("request_id");
        answers.insert(body.dump());
    }
    EXPECT_EQ(answers.size(), 1U);
}

TEST_F(GatewayTest, H5_AnEndedLicenseRefusesNewHostsAndServesThoseThatAreThere)
{
    const auto credential = ports.add_host(acme);
    ports.license_now = license_state::restricted;
    EXPECT_EQ(enroll(machine(), ports.add_token(acme)).status, 402);
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body()).status, 200);
}

TEST_F(GatewayTest, TheSignatureProvesTheKeyOfTheBody)
{
    const auto token = ports.add_token(acme);
    machine web;
    const machine other;
    auto stolen = web.body;
    stolen["public_key"] = crypto::to_base64(web.pair.public_key);
    const auto body = stolen.dump();
    const auto text = "leasehold-enroll-1\n" + hex_digest(token) + "\n" + hex_digest(body);
    const auto by_other = crypto::to_base64(crypto::ed25519_sign(other.pair.seed.reveal(), text));
    EXPECT_EQ(
        code_of(send(method::post, "/enroll", token, body, "agents.example.com", by_other)),
        "signature_invalid"
    );
    EXPECT_EQ(code_of(send(method::post, "/enroll", token, body)), "signature_invalid");
    EXPECT_EQ(ports.tokens.begin()->second.uses, 0);
    EXPECT_EQ(enroll(web, token).status, 201);
}

TEST_F(GatewayTest, EnrollmentNeedsTheRegistryAndAWellFormedBody)
{
    const auto token = ports.add_token(acme);
    ports.is_registry_away = true;
    const auto reply = enroll(machine(), token);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(code_of(reply), "registry_unavailable");
    ports.is_registry_away = false;
    machine nameless;
    nameless.body["name"] = "";
    EXPECT_EQ(enroll(nameless, token).status, 422);
    EXPECT_EQ(send(method::post, "/enroll", token, "{").status, 400);
    EXPECT_EQ(send(method::post, "/enroll", token, std::string(20000, ' ')).status, 413);
    EXPECT_EQ(ports.hosts.size(), 0U);
    EXPECT_EQ(enroll(machine(), token).status, 201);
}

// -- route keys --

TEST_F(GatewayTest, H6_WhatTheBodyClaimsIsIgnored)
{
    const auto reply = enroll(
        machine(),
        ports.add_token(acme),
        "agents.example.com",
        R"({"tenant":{"tid":")" + tid::of(globex).text() +
            R"("},"host_id":"0190a000-0000-7000-8000-000000000001"})"
    );
    ASSERT_EQ(reply.status, 201);
    EXPECT_EQ(body_of(reply)["tenant"]["tid"], tid::of(acme).text());
    EXPECT_NE(body_of(reply)["host_id"], "0190a000-0000-7000-8000-000000000001");

    const auto credential = ports.add_host(acme);
    const auto foreign = ports.add_host(globex);
    const auto foreign_id = uuid_from_base62(std::string_view(foreign).substr(8, 22))->to_string();
    const auto own_id = uuid_from_base62(std::string_view(credential).substr(8, 22))->to_string();
    ports.calls.clear();
    const auto body = R"({"at":"2026-01-01T00:00:00Z","metrics":{"a":1},"host_id":")" + foreign_id +
                      R"(","tenant":"globex"})";
    EXPECT_EQ(send(method::post, "/heartbeat", credential, body).status, 200);
    ASSERT_FALSE(ports.calls.empty());
    for (const auto& call : ports.calls) {
        EXPECT_EQ(call.tenant, acme);
        for (const auto& one : call.statements) {
            for (const auto& value : one.values) EXPECT_NE(value, foreign_id);
        }
    }
    EXPECT_EQ(ports.calls.back().statements.at(0).values.at(0), own_id);
}

TEST_F(GatewayTest, H6_ACredentialUnderAnotherTenantsNameIsRefusedAndAudited)
{
    const auto credential = ports.add_host(acme);
    EXPECT_EQ(send(method::get, "/self", credential, "", "acme.example.com").status, 200);
    EXPECT_TRUE(ports.audits.empty());
    for (const auto* name : {"globex.example.com", "nobody.example.com"}) {
        const auto reply = send(method::get, "/self", credential, "", name);
        EXPECT_EQ(reply.status, 403);
        EXPECT_EQ(code_of(reply), "route_key_conflict");
        EXPECT_EQ(reply.body.find("globex"), std::string::npos);
    }
    ASSERT_EQ(ports.audits.size(), 2U);
    EXPECT_EQ(ports.audits[0].tenant, acme);
    EXPECT_EQ(ports.audits[0].outcome, "route_key_conflict");
    EXPECT_TRUE(ports.calls.empty());
    EXPECT_EQ(enroll(machine(), ports.add_token(acme), "globex.example.com").status, 403);
    EXPECT_EQ(enroll(machine(), ports.add_token(acme), "acme.example.com").status, 201);
}

TEST_F(GatewayTest, W1_EveryRefusalIsNotedOnceWithWhoseItIs)
{
    const auto tid = ports.tenants[acme].tid;
    const auto credential = ports.add_host(acme);
    const auto host = ports.hosts.begin()->first;
    EXPECT_EQ(send(method::get, "/self", credential, "", "globex.example.com").status, 403);
    ASSERT_EQ(ports.refusals.size(), 1U);
    const auto conflict = ports.refusals[0];
    EXPECT_EQ(conflict.code, "route_key_conflict");
    EXPECT_FALSE(conflict.reason.empty());
    EXPECT_FALSE(conflict.request_id.empty());
    EXPECT_EQ(conflict.peer, "127.0.0.1");
    EXPECT_EQ(conflict.host, "globex.example.com");
    EXPECT_EQ(conflict.tenant, tid);
    EXPECT_EQ(conflict.credential_kind, "host");
    EXPECT_EQ(conflict.credential_id, host.to_string());
    ASSERT_EQ(conflict.keys.size(), 1U);
    EXPECT_EQ(conflict.keys[0].kind, "host");
    EXPECT_EQ(conflict.keys[0].presented, "globex.example.com");
    EXPECT_EQ(conflict.keys[0].tenant, ports.tenants[globex].tid);
    EXPECT_EQ(conflict.keys[0].state, "active");

    struct row
    {
        std::string code;
        std::string tenant;
        std::function<int()> attempt;
    };
    auto unknown = credential;
    unknown.replace(9, 22, std::string(22, 'a'));  // another id: the checksum is wrong, too
    const std::vector<row> rows{
        {"route_key_conflict",
         tid,
         [&] { return send(method::get, "/self", credential, "", "nobody.example.com").status; }},
        {"credential_invalid", "", [&] { return send(method::get, "/self", unknown).status; }},
        {"credential_invalid", "", [&] { return send(method::get, "/self", "").status; }},
        {"host_locked",
         tid,
         [&] {
             ports.hosts[host].state = "locked";
             return send(method::post, "/heartbeat", credential, R"({"at":"2026-01-01T00:00:00Z"})").status;
         }},
        {"tenant_suspended",
         tid,
         [&] {
             ports.tenants[acme].state = "suspended";
             return send(method::get, "/self", credential).status;
         }},
        {"token_expired",
         ports.tenants[globex].tid,
         [&] {
             const auto late = [](fake_ports::token_row& token) { token.outcome = "token_expired"; };
             return enroll(machine(), ports.add_token(globex, late)).status;
         }},
    };
    for (const auto& one : rows) {
        ports.refusals.clear();
        EXPECT_GE(one.attempt(), 400);
        ASSERT_EQ(ports.refusals.size(), 1U) << one.code;
        EXPECT_EQ(ports.refusals[0].code, one.code);
        EXPECT_EQ(ports.refusals[0].tenant, one.tenant) << one.code;
    }
    // What is let through, and what only failed, is none.
    ports.refusals.clear();
    const auto other = ports.add_host(globex);
    EXPECT_EQ(send(method::get, "/self", other, "", "globex.example.com").status, 200);
    EXPECT_GE(send(method::post, "/heartbeat", other, "no JSON").status, 400);
    EXPECT_TRUE(ports.refusals.empty());
}

// Guesses from one address, and how the others fare meanwhile.
TEST_F(GatewayTest, WhoGuessesTokensIsHeldBackForAMinute)
{
    const auto token = ports.add_token(acme, [](auto& row) { row.max_uses = 1000; });
    const auto id = credential::parse(token)->id;
    const auto guess = [&](const uuid& of) {
        const auto text = std::string(credential::make(credential_type::enrollment, of).to_text().reveal());
        return enroll(machine(), text);
    };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(guess(id).status, 401) << i;
    const auto held = guess(id);
    EXPECT_EQ(held.status, 429);
    EXPECT_EQ(code_of(held), "rate_limited");
    EXPECT_EQ(held.fields.find("Retry-After"), "60");
    EXPECT_EQ(enroll(machine(), token).status, 429) << "the right one is not looked at either";
    EXPECT_EQ(enroll(machine(), ports.add_token(globex)).status, 201) << "another token is not concerned";

    for (int i = 0; i < 90; ++i) EXPECT_EQ(guess(uuid::random()).status, 401) << i;
    EXPECT_EQ(enroll(machine(), ports.add_token(globex)).status, 429) << "now the address is";
    clock.advance(std::chrono::seconds(61));
    EXPECT_EQ(enroll(machine(), token).status, 201);
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(enroll(machine(), token).status, 201) << "what succeeds is not counted";
}

TEST_F(GatewayTest, AllAttemptsOfASecondAreBounded)
{
    const auto token = ports.add_token(acme, [](auto& row) { row.max_uses = 1000; });
    const machine same;
    for (int i = 0; i < 500; ++i) ASSERT_EQ(enroll(same, token).status, 201) << i;
    EXPECT_EQ(enroll(same, token).status, 429);
    clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(enroll(same, token).status, 201);
}

TEST_F(GatewayTest, HeartbeatsAreKeptAsLongAsTheTenantSays)
{
    const auto days_of = [&](tenant_id tenant) {
        ports.calls.clear();
        send(method::post, "/heartbeat", ports.add_host(tenant), beat_body());
        return ports.calls.at(0).statements.at(0).values.at(0);
    };
    ports.tenants[acme].heartbeat_days = 7;
    EXPECT_EQ(days_of(acme), "7");
    EXPECT_EQ(days_of(globex), "30");
}

// -- credentials and states --

TEST_F(GatewayTest, StatesAllowWhatTheTableSays)
{
    struct row
    {
        const char* state;
        int heartbeat;
        int events;
        int self;
        const char* code;
    };
    const std::vector<row> rows{
        {"active", 200, 200, 200, ""},
        {"pending", 403, 403, 200, "approval_pending"},
        {"locked", 403, 403, 200, "host_locked"},
        {"revoked", 403, 403, 403, "host_revoked"},
    };
    for (const auto& one : rows) {
        SCOPED_TRACE(one.state);
        const auto credential = ports.add_host(acme, [&](auto& host) { host.state = one.state; });
        const auto beat = send(method::post, "/heartbeat", credential, beat_body());
        EXPECT_EQ(beat.status, one.heartbeat);
        EXPECT_EQ(code_of(beat), one.code);
        EXPECT_EQ(send(method::post, "/events", credential, R"({"events":[]})").status, one.events);
        EXPECT_EQ(send(method::get, "/self", credential).status, one.self);
    }
}

TEST_F(GatewayTest, RefusesWhatIsNoCredentialOfAHost)
{
    const auto good = ports.add_host(acme);
    const auto token = ports.add_token(acme);
    const auto known = uuid_from_base62(std::string_view(good).substr(8, 22));
    const auto guess = std::string(credential::make(credential_type::host, *known).to_text().reveal());
    const auto stranger =
        std::string(credential::make(credential_type::host, uuid::random()).to_text().reveal());
    for (const auto& text : {token, guess, stranger, std::string("x")}) {
        const auto reply = send(method::get, "/self", text);
        EXPECT_EQ(reply.status, 401);
        EXPECT_EQ(code_of(reply), "credential_invalid");
    }
    EXPECT_EQ(send(method::get, "/self", "").status, 401);
    EXPECT_EQ(send(method::get, "/self", good).status, 200);
    ports.is_stale_now = true;  // then an unknown one may only be unknown here
    EXPECT_EQ(code_of(send(method::get, "/self", stranger)), "directory_stale");
    EXPECT_EQ(code_of(send(method::get, "/self", guess)), "credential_invalid");
    EXPECT_EQ(send(method::get, "/self", good).status, 200);
    ports.is_loaded_now = false;
    EXPECT_EQ(code_of(send(method::get, "/self", good)), "directory_loading");
}

TEST_F(GatewayTest, ASuspendedTenantsHostsAreRefusedAndTheOthersAreNot)
{
    const auto credential = ports.add_host(acme);
    const auto other = ports.add_host(globex);
    ports.tenants[acme].state = "suspended";
    const auto reply = send(method::post, "/heartbeat", credential, beat_body());
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(code_of(reply), "tenant_suspended");
    EXPECT_EQ(send(method::post, "/heartbeat", other, beat_body()).status, 200);
}

TEST_F(GatewayTest, RenewsWithTheKeyAndPromotesByUse)
{
    const machine web;
    const auto first = ports.add_host(acme, [&](auto& host) { host.public_key = web.pair.public_key; });
    const auto id = only_host();
    const auto renew = [&](const std::string& bearer, int generation, const machine& by) {
        const auto body = json({{"generation", generation}}).dump();
        const auto text = "leasehold-renew-1\n" + id.to_string() + "\n" + std::to_string(generation) + "\n" +
                          hex_digest(body);
        const auto signature = crypto::to_base64(crypto::ed25519_sign(by.pair.seed.reveal(), text));
        return send(method::post, "/credential", bearer, body, "agents.example.com", signature);
    };
    EXPECT_EQ(code_of(renew(first, 1, machine())), "signature_invalid");
    const auto reply = renew(first, 1, web);
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(body_of(reply)["generation"], 2);
    const auto second = body_of(reply)["credential"].get<std::string>();

    EXPECT_EQ(send(method::get, "/self", first).status, 200);  // both work
    EXPECT_EQ(ports.hosts[id].generation, 1);
    EXPECT_EQ(send(method::get, "/self", second).status, 200);
    EXPECT_EQ(ports.hosts[id].generation, 2);
    EXPECT_EQ(send(method::get, "/self", first).status, 200);  // may still be on its way
    clock.advance(std::chrono::seconds(61));
    EXPECT_EQ(code_of(send(method::get, "/self", first)), "credential_invalid");
    EXPECT_EQ(send(method::get, "/self", second).status, 200);
    EXPECT_EQ(code_of(renew(second, 1, web)), "generation_conflict");

    // Expired: it buys a renewal and nothing else.
    clock.advance(std::chrono::hours(25));
    EXPECT_EQ(code_of(send(method::post, "/heartbeat", second, beat_body())), "credential_expired");
    EXPECT_EQ(renew(second, 2, web).status, 200);
}

TEST_F(GatewayTest, H11_WithoutTheRegistryHeartbeatsAndDataGoOn)
{
    const auto known = ports.add_host(acme);
    const auto unconfirmed = ports.add_host(acme, [](auto& host) { host.confirmed_at.reset(); });
    ports.is_registry_away = true;
    EXPECT_EQ(send(method::post, "/heartbeat", known, beat_body()).status, 200);
    EXPECT_EQ(send(method::post, "/heartbeat", unconfirmed, beat_body()).status, 200);
    EXPECT_EQ(enroll(machine(), ports.add_token(acme)).status, 503);
}

// -- data --

TEST_F(GatewayTest, AHeartbeatTellsWhatIsMissing)
{
    const auto credential = ports.add_host(acme);
    ports.inventory_rows = {{"os", std::nullopt}, {"packages", "another"}};
    auto body = body_of(send(method::post, "/heartbeat", credential, beat_body()));
    EXPECT_EQ(body["want"], json({"packages"}));
    EXPECT_EQ(body["renew"], false);
    ports.inventory_rows = {{"os", std::nullopt}, {"packages", "bb"}};
    body = body_of(send(method::post, "/heartbeat", credential, beat_body()));
    EXPECT_EQ(body["want"], json::array());
    clock.advance(std::chrono::hours(16));
    EXPECT_EQ(body_of(send(method::post, "/heartbeat", credential, beat_body()))["renew"], true);
    std::string many = "{";
    for (int i = 0; i < 65; ++i) many += (i > 0 ? "," : "") + std::string("\"m") + std::to_string(i) + "\":1";
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body(many + "}")).status, 422);
}

TEST_F(GatewayTest, PartitionsAreMadeOnceADayAndTheirFailureCostsNothing)
{
    const auto credential = ports.add_host(acme);
    const auto other = ports.add_host(globex);
    const auto made = [&](tenant_id tenant) {
        return std::count_if(ports.calls.begin(), ports.calls.end(), [&](const auto& call) {
            return call.tenant == tenant &&
                   call.statements[0].sql.find("heartbeat_partitions") != std::string::npos;
        });
    };
    for (int i = 0; i < 3; ++i) send(method::post, "/heartbeat", credential, beat_body());
    send(method::post, "/heartbeat", other, beat_body());
    EXPECT_EQ(made(acme), 1);
    EXPECT_EQ(made(globex), 1);
    clock.advance(std::chrono::hours(24) - std::chrono::hours(6));
    for (auto& [id, host] : ports.hosts) host.credential_expires_at = clock.wall() + std::chrono::hours(48);
    clock.advance(std::chrono::hours(6));
    ports.on_run = [](const auto& call) {
        if (call.statements[0].sql.find("heartbeat_partitions") != std::string::npos) {
            throw sql_refused(error_kind::unavailable, "lock", "", "55P03");
        }
    };
    EXPECT_EQ(send(method::post, "/heartbeat", credential, beat_body()).status, 200);
    EXPECT_EQ(made(acme), 2);
}

TEST_F(GatewayTest, H12_ABadEventNeverBlocksItsBatch)
{
    const auto credential = ports.add_host(acme);
    const auto event = [](const std::string& id, const std::string& kind) {
        return R"({"id":")" + id + R"(","at":"2026-01-01T00:00:00Z","kind":")" + kind + R"(","detail":{}})";
    };
    const std::string first = "0190a000-0000-7000-8000-000000000001";
    const std::string poison = "0190a000-0000-7000-8000-000000000002";
    const std::string third = "0190a000-0000-7000-8000-000000000003";
    std::vector<std::string> stored;
    ports.on_run = [&](const auto& call) {
        const auto all = *call.statements[0].values.at(1);
        if (all.find("poison") != std::string::npos) throw sql_refused(error_kind::invalid, "x", "", "22P05");
        stored.push_back(all);
    };
    const auto reply = send(
        method::post,
        "/events",
        credential,
        R"({"events":[)" + event(first, "a") + "," + event(poison, "poison") + "," + event(third, "c") + "," +
            event("no-id", "d") + R"(,7]})"
    );
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto body = body_of(reply);
    EXPECT_EQ(body["stored"], 2);
    EXPECT_EQ(body["rejected"].size(), 3U);
    std::string all;
    for (const auto& one : stored) all += one;
    EXPECT_NE(all.find(first), std::string::npos);
    EXPECT_NE(all.find(third), std::string::npos);
    EXPECT_EQ(all.find(poison), std::string::npos);
    EXPECT_EQ(send(method::post, "/events", credential, R"({"events":[]})").status, 200);
}

TEST_F(GatewayTest, FailuresOfTheDatabaseHaveTheWordsOfTheApi)
{
    const auto credential = ports.add_host(acme);
    const auto document = R"({"collected_at":"2026-01-01T00:00:00Z","document":{"a":1}})";
    struct row
    {
        std::function<void()> fails;
        int status;
        const char* code;
    };
    const std::vector<row> rows{
        {[] { throw error(error_kind::unavailable, "lease_unavailable", "x"); }, 503, "tenant_unavailable"},
        {[] { throw error(error_kind::unavailable, "server_lost", "x"); }, 503, "tenant_unavailable"},
        {[] { throw error(error_kind::unavailable, "tenant_moving", "x"); }, 503, "tenant_moving"},
        {[] { throw error(error_kind::unavailable, "tenant_suspended", "x"); }, 403, "tenant_suspended"},
        {[] { throw error(error_kind::rate_limited, "pool_timeout", "x"); }, 503, "gateway_busy"},
        {[] { throw error(error_kind::internal, "placement_mismatch", "x"); }, 503, "tenant_unavailable"},
        {[] { throw sql_refused(error_kind::internal, "x", "", "42P01"); }, 503, "tenant_schema_behind"},
        {[] { throw sql_refused(error_kind::invalid, "x", "", "22003"); }, 422, "item_refused"},
        {[] { throw sql_refused(error_kind::unavailable, "x", "", "53100"); }, 503, "tenant_unavailable"},
    };
    for (const auto& one : rows) {
        ports.on_run = [&](const auto&) { one.fails(); };
        const auto reply = send(method::put, "/inventory/os", credential, document);
        EXPECT_EQ(reply.status, one.status) << one.code;
        EXPECT_EQ(code_of(reply), one.code);
        EXPECT_EQ(reply.fields.find("Retry-After").has_value(), one.status == 503);
    }
    ports.on_run = {};
    EXPECT_EQ(send(method::put, "/inventory/os", credential, document).status, 204);
}

TEST_F(GatewayTest, AMissingRowOfTheHostIsPutBack)
{
    const auto credential = ports.add_host(acme);
    int runs = 0;
    ports.on_run = [&](const auto&) {
        if (++runs == 1) throw sql_refused(error_kind::invalid, "x", "", "23503");
    };
    const auto document = R"({"collected_at":"2026-01-01T00:00:00Z","document":{"a":1}})";
    EXPECT_EQ(send(method::put, "/inventory/os", credential, document).status, 204);
    ASSERT_EQ(ports.calls.back().statements.size(), 2U);
    EXPECT_NE(ports.calls.back().statements[0].sql.find("into hosts"), std::string::npos);
}

TEST_F(GatewayTest, RefusesBodiesThatAreTooLargeOrNotWhatTheRouteTakes)
{
    const auto credential = ports.add_host(acme);
    const auto put = [&](const std::string& path, const std::string& body) {
        return send(method::put, path, credential, body).status;
    };
    const std::string digest(64, 'a');
    const auto set = R"({"collected_at":"2026-01-01T00:00:00Z","sha256":")" + digest + R"(","packages":[)";
    EXPECT_EQ(put("/packages", set + R"({"name":"a","version":"1","manager":"dpkg"}]})"), 204);
    EXPECT_EQ(put("/packages", set + R"({"name":"a","manager":"dpkg"}]})"), 422);
    EXPECT_EQ(put("/packages", std::string(5 << 20, ' ')), 413);
    EXPECT_EQ(put("/inventory/packages", R"({"collected_at":"2026-01-01T00:00:00Z","document":{}})"), 422);
    EXPECT_EQ(put("/inventory/OS", R"({"collected_at":"2026-01-01T00:00:00Z","document":{}})"), 422);
    EXPECT_EQ(put("/inventory/os", R"({"collected_at":"yesterday","document":{}})"), 422);
    EXPECT_EQ(send(method::post, "/heartbeat", credential, std::string(70000, ' ')).status, 413);
    EXPECT_EQ(send(method::post, "/heartbeat", credential, "{]").status, 400);
}

}  // namespace
}  // namespace leasehold::router::agents::test
