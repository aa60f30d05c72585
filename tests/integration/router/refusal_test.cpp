#include "captured_log.hpp"
#include "router_stage.hpp"

#include <leasehold/router/agents/gateway.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace leasehold::router::test {
namespace {

using leasehold::test::lines_of;
using nlohmann::json;

const std::string no_name = "127.0.0.1";  // an address is no route key, and libpq sends it to nobody as SNI

// What a client presents beside acme's key.
struct names
{
    std::string host;
    std::string option;
    std::string database;
};

// A router with names under a suffix, and a domain of globex's own.
void start_with_names(router_stage& s)
{
    s.values.multitenancy.domain_suffix = "db.example.com";
    s.registry.run(fmt::format(
        "insert into public.registry_domain (domain, tenant_id, verified_at) "
        "values ('data.globex.example.org', '{}', now())",
        s.globex.id.to_string()
    ));
    s.start();
}

std::string log_in(const router_stage& s, const names& as, const test_key& key)
{
    const auto option = as.option.empty() ? "" : "options=-cleasehold.tenant=" + as.option;
    const auto conninfo = fmt::format(
        "host={} hostaddr=127.0.0.1 port={} user={} dbname={} sslmode=require {}",
        as.host,
        s.port(),
        key.user(),
        as.database,
        option
    );
    return s.psql_at(conninfo, key, "select text from notes");
}

std::vector<json> refusals_of(const std::function<void()>& work)
{
    return lines_of(log_level::warn, "route.refused", work);
}

std::size_t attempts_in(const std::vector<json>& told)
{
    std::size_t count = 0;
    for (const auto& line : told) count += std::max<std::size_t>(1, line.at("repeated").get<std::size_t>());
    return count;
}

json key_of(const std::string& kind, const std::string& presented, const test_tenant* tenant)
{
    json key{{"kind", kind}, {"presented", presented}};
    if (tenant == nullptr) return key;
    key["tenant"] = tenant->tid;
    key["state"] = "active";
    return key;
}

TEST(RouterRefusal, W1_EachContradictionFromOutsideIsRefusedWithOneLine)
{
    router_stage s;
    start_with_names(s);
    const auto own = s.acme.key.user();  // as a database name: no key
    const auto globex_tid = "t_" + s.globex.tid;
    struct row
    {
        names shown;
        std::string code;
        std::string sqlstate;
        std::vector<json> keys;
    };
    const auto domain = [](const std::string& name, const test_tenant* of) {
        return key_of("domain", name, of);
    };
    const auto option = [](const std::string& name, const test_tenant* of) {
        return key_of("option", name, of);
    };
    const auto database = [](const std::string& name, const test_tenant* of) {
        return key_of("database", name, of);
    };
    const std::string conflict = "route_key_conflict";
    const std::vector<row> rows{
        {{"globex.db.example.com", "", own}, conflict, "28000", {domain("globex.db.example.com", &s.globex)}},
        {{"data.globex.example.org", "", own},
         conflict,
         "28000",
         {domain("data.globex.example.org", &s.globex)}},
        {{"nobody.db.example.com", "", own}, conflict, "28000", {domain("nobody.db.example.com", nullptr)}},
        {{no_name, "globex", own}, conflict, "28000", {option("globex", &s.globex)}},
        {{no_name, globex_tid, own}, conflict, "28000", {option(globex_tid, &s.globex)}},
        {{no_name, "initech", own}, conflict, "28000", {option("initech", nullptr)}},
        {{"acme.db.example.com", "globex", "acme"},
         conflict,
         "28000",
         {domain("acme.db.example.com", &s.acme), option("globex", &s.globex), database("acme", &s.acme)}},
        {{"globex.db.example.com", "acme", "acme"},
         conflict,
         "28000",
         {domain("globex.db.example.com", &s.globex), option("acme", &s.acme), database("acme", &s.acme)}},
        {{"globex.db.example.com", "globex", "globex"},
         conflict,
         "28000",
         {domain("globex.db.example.com", &s.globex),
          option("globex", &s.globex),
          database("globex", &s.globex)}},
        {{"acme.db.example.com", "acme", "globex"},
         "database_unknown",
         "3D000",
         {domain("acme.db.example.com", &s.acme), option("acme", &s.acme), database("globex", &s.globex)}},
    };
    for (const auto& one : rows) {
        SCOPED_TRACE(one.shown.host + " " + one.shown.option + " " + one.shown.database);
        std::string answer;
        auto told = refusals_of([&] { answer = log_in(s, one.shown, s.acme.key); });
        EXPECT_NE(answer.find("code=" + one.code), std::string::npos) << answer;
        EXPECT_EQ(answer.find(s.globex.tid), std::string::npos) << answer;
        ASSERT_EQ(told.size(), 1U);
        const auto& line = told[0];
        EXPECT_EQ(line.at("level"), "error");
        EXPECT_EQ(line.at("code"), one.code);
        EXPECT_EQ(line.at("sqlstate"), one.sqlstate);
        EXPECT_EQ(line.at("keys"), json(one.keys));
        EXPECT_EQ(line.value("sni", no_name), one.shown.host);
        EXPECT_EQ(line.value("option", ""), one.shown.option);
        EXPECT_EQ(line.at("database"), one.shown.database);
        EXPECT_EQ(line.at("user"), own);
        EXPECT_EQ(line.value("tenant", "none"), one.keys[0].value("tenant", "none"));
        EXPECT_EQ(line.at("credential"), json({{"kind", "key"}, {"id", s.acme.key.id.to_string()}}));
        EXPECT_EQ(line.at("protocol"), "postgresql");
        EXPECT_EQ(line.at("listener"), s.running->listening().at(0).to_string());
        EXPECT_TRUE(line.at("peer").get<std::string>().starts_with("127.0.0.1:"));
        EXPECT_TRUE(line.at("tls").get<std::string>().starts_with("TLSv1."));
        EXPECT_EQ(line.at("session"), line.at("request_id"));
        EXPECT_NE(answer.find(line.at("request_id").get<std::string>()), std::string::npos) << answer;
        EXPECT_GT(line.at("directory").at("applied_change"), 0);
        EXPECT_EQ(line.at("directory").at("source"), "registry");
        EXPECT_EQ(line.at("license"), "ok");
        EXPECT_EQ(line.at("router"), s.running->id().to_string());
        EXPECT_TRUE(line.at("lane").get<std::string>().starts_with("front"));
        EXPECT_EQ(line.at("repeated"), 0);
    }
    EXPECT_EQ(s.server.logins_of(s.acme.id), 0);
    EXPECT_EQ(s.server.logins_of(s.globex.id), 0);

    // The positive controls: names that agree, in each form, lead home, and nothing is said of them.
    const auto silent = refusals_of([&] {
        for (const auto& shown :
             {names{"acme.db.example.com", "acme", "acme"},
              names{"ACME.db.example.com", "t_" + s.acme.tid, s.acme.database},
              names{"acme.db.example.com", "", own},
              names{no_name, "acme", own}}) {
            EXPECT_EQ(log_in(s, shown, s.acme.key), "acme\n") << shown.host << shown.option;
        }
        for (const auto& shown :
             {names{"data.globex.example.org", "globex", "globex"},
              names{"globex.db.example.com", globex_tid, s.globex.database}}) {
            EXPECT_EQ(log_in(s, shown, s.globex.key), "globex\n") << shown.host << shown.option;
        }
    });
    EXPECT_TRUE(silent.empty());
}

TEST(RouterRefusal, W1_RepeatsAreCountedAndToldAtTheLatestWhenTheRouterEnds)
{
    router_stage s;
    start_with_names(s);
    const auto told = refusals_of([&] {
        const names foreign{"globex.db.example.com", "", s.acme.key.user()};
        for (int i = 0; i < 5; ++i) {
            const auto answer = log_in(s, foreign, s.acme.key);
            EXPECT_NE(answer.find("code=route_key_conflict"), std::string::npos) << answer;
        }
        EXPECT_EQ(log_in(s, {"globex.db.example.com", "", "globex"}, s.globex.key), "globex\n");
        s.running.reset();
    });
    // Five in all, however long they took.
    ASSERT_GE(told.size(), 2U);
    EXPECT_LT(told.size(), 5U);
    EXPECT_EQ(attempts_in(told), 5U);
    EXPECT_EQ(told[0].at("repeated"), 0);
}

// The text of a host's credential; its row is in the registry.
std::string add_host(router_stage& s, const test_tenant& of)
{
    const auto made = credential::make(credential_type::host, uuid::random());
    s.registry.run(fmt::format(
        "insert into public.registry_host (id, tenant_id, name, state, generation, credential_hmac, "
        "credential_expires_at, confirmed_at) values ('{}', '{}', 'web-1', 'active', 1, {}, "
        "now() + interval '1 day', now())",
        host_id(made.id).to_string(),
        of.id.to_string(),
        s.registry.quote(s.keys.stored_form(made.secret_part.reveal()))
    ));
    return std::string(made.to_text().reveal());
}

TEST(RouterRefusal, W1_ForeignNamesOfAnAgentAreToldInTheSameLogWithItsTenant)
{
    router_stage s;
    const auto host = add_host(s, s.acme);
    const auto other = add_host(s, s.globex);
    start_with_names(s);
    auto& ports = s.running->gateway();
    agents::gateway gateway(ports, s.values, s.keys);
    const auto ask = [&](const std::string& credential_text, const std::string& name) {
        http::incoming what(http::method::get, "/agent/v1/self");
        what.peer = "192.0.2.7";
        what.is_tls = true;
        what.server_name = "acme.db.example.com";
        what.fields.set("Host", name);
        what.fields.set("Authorization", "Bearer " + credential_text);
        if (credential_text == other) what.server_name = name;
        return on_lane(ports, gateway.routes().handle(std::move(what))).status;
    };
    const auto told = refusals_of([&] {
        for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(host, "globex.db.example.com"), 403);
        EXPECT_EQ(ask(host, "acme.db.example.com"), 200);
        EXPECT_EQ(ask(other, "globex.db.example.com"), 200);
        s.running->drain();
    });
    ASSERT_GE(told.size(), 2U);
    EXPECT_LT(told.size(), 5U);
    const auto& line = told[0];
    EXPECT_EQ(line.at("repeated"), 0);
    EXPECT_EQ(line.at("level"), "error");
    EXPECT_EQ(line.at("code"), "route_key_conflict");
    EXPECT_EQ(line.at("status"), 403);
    EXPECT_EQ(line.at("protocol"), "http");
    EXPECT_EQ(line.at("listener"), s.values.agents.listen.to_string());
    EXPECT_EQ(line.at("peer"), "192.0.2.7");
    EXPECT_EQ(line.at("tls"), "TLS");
    EXPECT_EQ(line.at("sni"), "acme.db.example.com");
    EXPECT_EQ(line.at("host"), "globex.db.example.com");
    EXPECT_EQ(
        line.at("keys"),
        json::array(
            {key_of("sni", "acme.db.example.com", &s.acme),
             key_of("host", "globex.db.example.com", &s.globex)}
        )
    );
    EXPECT_EQ(line.at("tenant"), s.acme.tid);
    EXPECT_EQ(line.at("credential").at("kind"), "host");
    EXPECT_EQ(line.at("router"), s.running->id().to_string());
    EXPECT_EQ(line.at("lane"), "front0");
    EXPECT_EQ(attempts_in(told), 5U);
}

}  // namespace
}  // namespace leasehold::router::test
