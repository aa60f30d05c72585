#include "captured_log.hpp"
#include "front/refusal_log.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;
using leasehold::test::lines_of;
using nlohmann::json;

agents::presented_name name_of(std::string kind, std::string presented, std::string tenant, std::string state)
{
    agents::presented_name name(std::move(kind), std::move(presented));
    name.tenant = std::move(tenant);
    name.state = std::move(state);
    return name;
}

refusal_line conflict()
{
    refusal_line line;
    line.level = log_level::error;
    line.code = "route_key_conflict";
    line.reason = "names of another tenant or of nobody";
    line.listener = "127.0.0.1:6432";
    line.protocol = "postgresql";
    line.session = "s-1";
    line.request_id = "r-1";
    line.peer = "192.0.2.7:4711";
    line.tls = "TLSv1.3";
    line.sni = "globex.example.com";
    line.host = "acme.example.com";
    line.database = "acme";
    line.option = "initech";
    line.user = "key";
    line.keys.push_back(name_of("domain", "globex.example.com", "gggg", "suspended"));
    line.keys.push_back(name_of("option", "initech", "", ""));
    line.tenant = "gggg";
    line.credential_kind = "key";
    line.credential_id = "1";
    line.applied_change = 7;
    line.age_ms = 12;
    line.source = "registry";
    line.license = "ok";
    line.sqlstate = "28000";
    line.router = "router-1";
    line.lane = "front0";
    line.peer_group = "192.0.2.7";
    return line;
}

std::vector<json> told_by(const std::function<void()>& work)
{
    return lines_of(log_level::warn, "route.refused", work);
}

TEST(RefusalLog, W1_OneLineHasAllItsFields)
{
    refusal_log log;
    const auto told = told_by([&] { log.note(conflict(), boot_clock::now()); });
    ASSERT_EQ(told.size(), 1U);
    auto line = told[0];
    EXPECT_FALSE(line.at("at").get<std::string>().empty());
    line.erase("at");
    const auto expected = json::parse(R"({
        "level": "error",
        "event": "route.refused",
        "code": "route_key_conflict",
        "reason": "names of another tenant or of nobody",
        "listener": "127.0.0.1:6432",
        "protocol": "postgresql",
        "session": "s-1",
        "request_id": "r-1",
        "peer": "192.0.2.7:4711",
        "tls": "TLSv1.3",
        "sni": "globex.example.com",
        "host": "acme.example.com",
        "database": "acme",
        "option": "initech",
        "user": "key",
        "keys": [
            {"kind": "domain", "presented": "globex.example.com", "tenant": "gggg", "state": "suspended"},
            {"kind": "option", "presented": "initech"}
        ],
        "tenant": "gggg",
        "credential": {"kind": "key", "id": "1"},
        "directory": {"applied_change": 7, "age_ms": 12, "source": "registry"},
        "license": "ok",
        "sqlstate": "28000",
        "router": "router-1",
        "lane": "front0",
        "repeated": 0
    })");
    EXPECT_EQ(line, expected);
}

TEST(RefusalLog, W1_WhatWasNotThereIsNotInTheLine)
{
    refusal_log log;
    refusal_line bare;
    bare.code = "credential_invalid";
    bare.source = "none";
    bare.status = 401;
    bare.user_hash = "0123";
    const auto told = told_by([&] { log.note(bare, boot_clock::now()); });
    ASSERT_EQ(told.size(), 1U);
    auto line = told[0];
    line.erase("at");
    const auto expected = json::parse(R"({
        "level": "warn",
        "event": "route.refused",
        "code": "credential_invalid",
        "user_hash": "0123",
        "keys": [],
        "directory": {"applied_change": 0, "age_ms": 0, "source": "none"},
        "status": 401,
        "repeated": 0
    })");
    EXPECT_EQ(line, expected);
}

TEST(RefusalLog, W1_RepeatsAreCountedAndWhatDiffersIsSaidAtOnce)
{
    refusal_log log;
    const auto now = boot_clock::now();
    auto other_key = conflict();
    other_key.keys[1].presented = "umbrella";
    auto other_peer = conflict();
    other_peer.peer_group = "192.0.2.8";
    auto other_code = conflict();
    other_code.code = "database_unknown";
    const auto first = told_by([&] {
        for (int i = 0; i < 100; ++i) log.note(conflict(), now + i * 10ms);
        log.note(other_key, now + 1s);
        log.note(other_peer, now + 1s);
        log.note(other_code, now + 1s);
    });
    ASSERT_EQ(first.size(), 4U);
    for (const auto& one : first) EXPECT_EQ(one.at("repeated"), 0);
    EXPECT_EQ(first[1].at("keys").at(1).at("presented"), "umbrella");
    EXPECT_TRUE(told_by([&] { log.flush(now + 9s); }).empty());

    const auto later = told_by([&] { log.flush(now + 12s); });
    ASSERT_EQ(later.size(), 1U);  // what came once is not said again
    EXPECT_EQ(later[0].at("code"), "route_key_conflict");
    EXPECT_EQ(later[0].at("repeated"), 99);
    EXPECT_TRUE(told_by([&] { log.flush(now + 60s); }).empty());
    const auto anew = told_by([&] { log.note(conflict(), now + 61s); });
    ASSERT_EQ(anew.size(), 1U);
    EXPECT_EQ(anew[0].at("repeated"), 0);
}

TEST(RefusalLog, W1_WhoIsPushedOutByManyOthersIsToldFirst)
{
    refusal_log log;
    const auto now = boot_clock::now();
    const auto from = [](int peer) {
        auto line = conflict();
        line.peer_group = std::to_string(peer);
        return line;
    };
    const auto told = told_by([&] {
        for (int i = 0; i < 3; ++i) log.note(conflict(), now);
        for (int i = 0; i < 1000; ++i) log.note(from(i), now + 1s);
    });
    ASSERT_EQ(told.size(), 1002U);
    EXPECT_EQ(told[1000].at("repeated"), 2);
    // The others are remembered: each is a repeat, and the end tells them all.
    EXPECT_TRUE(told_by([&] {
                    for (int i = 0; i < 1000; ++i) log.note(from(i), now + 2s);
                }).empty());
    EXPECT_EQ(told_by([&] { log.flush(boot_time::max()); }).size(), 1000U);
}

}  // namespace
}  // namespace leasehold::router
