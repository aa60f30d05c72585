#include "gateway_stage.hpp"

#include <gtest/gtest.h>

namespace leasehold::test {
namespace {

using http::method;
using nlohmann::json;

// A host in each tenant, enrolled and confirmed.
class Storing : public ::testing::Test
{
protected:
    Storing() : ports(loop, fleet), at(ports, fleet.values, fleet.keys, real_clock(), meters)
    {
        acme_host = enroll(fleet.acme, acme_credential);
        globex_host = enroll(fleet.globex, globex_credential);
    }
    std::string enroll(const staged_tenant& into, std::string& credential_text)
    {
        const auto reply = send(staged_machine().enrollment(fleet.make_token(into)));
        const auto body = json::parse(reply.body);
        credential_text = body.at("credential");
        return body.at("host_id");
    }
    http::reply send(http::incoming what) { return leasehold::run(at.routes().handle(std::move(what))); }
    int put(const std::string& path, const std::string& body)
    {
        return send(agent_call(method::put, path, acme_credential, body)).status;
    }
    static std::string set(const std::string& at, char digest, const std::string& packages)
    {
        return R"({"collected_at":")" + at + R"(","sha256":")" + std::string(64, digest) +
               R"(","packages":[)" + packages + "]}";
    }
    static std::string one(const std::string& name, const std::string& version)
    {
        return R"({"name":")" + name + R"(","version":")" + version + R"(","manager":"dpkg"})";
    }

    staged_fleet fleet;
    asio::io_context loop{1};
    metrics meters;
    staged_ports ports;
    router::agents::gateway at;
    std::string acme_credential;
    std::string globex_credential;
    std::string acme_host;
    std::string globex_host;
};

TEST_F(Storing, H1_EveryKindOfDataIsCommittedInItsOwnTenantAlone)
{
    const auto beat =
        R"({"at":"2026-01-01T00:00:00Z","agent_version":"7","metrics":{"load1":0.5},"have":{"packages":"x"}})";
    EXPECT_EQ(send(agent_call(method::post, "/heartbeat", acme_credential, beat)).status, 200);
    EXPECT_EQ(
        put("/inventory/os", R"({"collected_at":"2026-01-01T00:00:00Z","document":{"name":"Debian"}})"), 204
    );
    EXPECT_EQ(
        put("/packages", set("2026-01-01T00:00:00Z", 'a', one("bash", "5") + "," + one("zlib1g", "1"))), 204
    );
    const auto reply = send(agent_call(
        method::post,
        "/events",
        acme_credential,
        R"({"events":[{"id":"0190a000-0000-7000-8000-000000000001","at":"2026-01-01T00:00:00Z","kind":"k","detail":{"a":1}}]})"
    ));
    EXPECT_EQ(json::parse(reply.body).at("stored"), 1);

    for (const auto* table : {"host_heartbeats", "host_packages", "events"}) {
        EXPECT_EQ(fleet.acme.value(std::string("select count(distinct host_id) from ") + table), "1")
            << table;
        EXPECT_EQ(fleet.acme.value(std::string("select min(host_id::text) from ") + table), acme_host)
            << table;
        EXPECT_EQ(fleet.globex.value(std::string("select count(*) from ") + table), "0") << table;
    }
    EXPECT_EQ(fleet.acme.value("select document ->> 'name' from host_inventory where kind = 'os'"), "Debian");
    EXPECT_EQ(fleet.acme.value("select status || agent_version || approval from hosts"), "active7approved");
    EXPECT_EQ(fleet.globex.value("select id || status from hosts"), globex_host + "enrolling");
    EXPECT_EQ(fleet.globex.value("select count(*) from host_inventory"), "0");
    EXPECT_EQ(
        fleet.acme.value("select count(*) from pg_inherits where inhparent = 'host_heartbeats'::regclass"),
        "3"
    );
}

TEST_F(Storing, RepeatsAreHarmlessAndTheNewestWins)
{
    const auto beat = R"({"at":"2026-01-01T00:00:00Z","metrics":{"load1":0.5}})";
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(send(agent_call(method::post, "/heartbeat", acme_credential, beat)).status, 200);
    EXPECT_EQ(fleet.acme.value("select count(*) from host_heartbeats"), "1");

    const auto event =
        R"({"events":[{"id":"0190a000-0000-7000-8000-000000000001","at":"2026-01-01T00:00:00Z","kind":"k"}]})";
    for (int i = 0; i < 2; ++i) {
        const auto reply = send(agent_call(method::post, "/events", acme_credential, event));
        EXPECT_EQ(json::parse(reply.body).at("stored"), 1);
    }
    EXPECT_EQ(fleet.acme.value("select count(*) from events"), "1");

    const auto document = [](const char* when, int n) {
        return json({{"collected_at", when}, {"document", {{"n", n}}}}).dump();
    };
    EXPECT_EQ(put("/inventory/os", document("2026-01-02T00:00:00Z", 2)), 204);
    EXPECT_EQ(put("/inventory/os", document("2026-01-01T00:00:00Z", 1)), 204);
    EXPECT_EQ(fleet.acme.value("select document ->> 'n' from host_inventory"), "2");
    EXPECT_EQ(put("/inventory/os", document("2026-01-03T00:00:00Z", 3)), 204);
    EXPECT_EQ(fleet.acme.value("select document ->> 'n' from host_inventory"), "3");
    // A clock that is years ahead does not lock later documents out.
    EXPECT_EQ(put("/inventory/os", document("2126-01-03T00:00:00Z", 4)), 204);
    EXPECT_EQ(
        fleet.acme.value("select (collected_at <= now()) || (document ->> 'n') from host_inventory"), "true4"
    );
}

TEST_F(Storing, PackagesAreReplacedAsAWhole)
{
    const auto names =
        "select string_agg(name || ' ' || version, ',' order by name, version) from host_packages";
    EXPECT_EQ(
        put("/packages", set("2026-01-02T00:00:00Z", 'a', one("bash", "5") + "," + one("zlib1g", "1"))), 204
    );
    EXPECT_EQ(fleet.acme.value(names), "bash 5,zlib1g 1");
    EXPECT_EQ(
        put("/packages", set("2026-01-02T00:00:00Z", 'a', one("bash", "5") + "," + one("zlib1g", "1"))), 204
    );
    EXPECT_EQ(fleet.acme.value(names), "bash 5,zlib1g 1");
    EXPECT_EQ(put("/packages", set("2026-01-01T00:00:00Z", 'b', one("old", "1"))), 204);  // older: ignored
    EXPECT_EQ(fleet.acme.value(names), "bash 5,zlib1g 1");
    EXPECT_EQ(put("/packages", set("2026-01-03T00:00:00Z", 'c', one("bash", "6"))), 204);
    EXPECT_EQ(fleet.acme.value(names), "bash 6");
    EXPECT_EQ(
        fleet.acme.value("select document ->> 'sha256' from host_inventory where kind = 'packages'"),
        std::string(64, 'c')
    );
    // The heartbeat asks for what differs.
    const auto beat = [&](char have) {
        const auto body =
            json({{"at", "2026-01-01T00:00:00Z"}, {"have", {{"packages", std::string(64, have)}}}}).dump();
        return json::parse(send(agent_call(method::post, "/heartbeat", acme_credential, body)).body)
            .at("want");
    };
    EXPECT_EQ(beat('c'), json::array());
    EXPECT_EQ(beat('d'), json({"packages"}));
    EXPECT_EQ(put("/packages", set("2026-01-04T00:00:00Z", 'd', "")), 204);
    EXPECT_EQ(fleet.acme.value("select count(*) from host_packages"), "0");
}

TEST_F(Storing, H12_APoisonedEventNeverBlocksItsBatch)
{
    std::string batch = R"({"events":[)";
    for (int i = 0; i < 9; ++i) {
        // A year that RFC 3339 can write and PostgreSQL does not know.
        const auto when = i == 4 ? "0000-01-01T00:00:00Z" : "2026-01-01T00:00:00Z";
        batch += (i > 0 ? "," : "") +
                 json({{"id", uuid::time_ordered().to_string()}, {"at", when}, {"kind", "k"}}).dump();
    }
    const auto reply = send(agent_call(method::post, "/events", acme_credential, batch + "]}"));
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(json::parse(reply.body).at("stored"), 8);
    EXPECT_EQ(json::parse(reply.body).at("rejected").size(), 1U);
    EXPECT_EQ(fleet.acme.value("select count(*) from events"), "8");
}

// Registry and tenant database disagree (a restore): the registry's host is put back with its data.
TEST_F(Storing, H20_AHostThatItsDatabaseForgotIsPutBack)
{
    EXPECT_EQ(fleet.acme.value("delete from hosts returning id"), acme_host);
    EXPECT_EQ(put("/inventory/os", R"({"collected_at":"2026-01-01T00:00:00Z","document":{"n":1}})"), 204);
    EXPECT_EQ(fleet.acme.value("select id || name || approval from hosts"), acme_host + "web-1approved");
    EXPECT_EQ(fleet.acme.value("select document ->> 'n' from host_inventory"), "1");
}

TEST_F(Storing, H11_WithoutTheRegistryDataGoesOnAndEnrollmentWaits)
{
    fleet.is_registry_away = true;
    EXPECT_EQ(put("/inventory/os", R"({"collected_at":"2026-01-01T00:00:00Z","document":{"n":1}})"), 204);
    EXPECT_EQ(send(staged_machine().enrollment(fleet.make_token(fleet.acme))).status, 503);
    fleet.is_registry_away = false;
    EXPECT_EQ(send(staged_machine().enrollment(fleet.make_token(fleet.acme))).status, 201);
}

}  // namespace
}  // namespace leasehold::test
