// The whole way of an agent's call: TLS, gateway, router, registry, both tenants' databases.
#include "eventually.hpp"
#include "fake_clock.hpp"
#include "gateway_stage.hpp"
#include "pack_gzip.hpp"
#include "served_fleet.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace leasehold::test {
namespace {

using http::method;
using nlohmann::json;

const std::string acme_name = "acme.db.example.com";
const std::string globex_name = "globex.db.example.com";
const std::string own_name = "agents.example.com";

std::string code_of(const http::reply& reply)
{
    const auto body = json::parse(reply.body, nullptr, false);
    return body.is_object() ? body.value("code", std::string()) : std::string();
}

http::incoming named(http::incoming what, const std::string& sni, const std::string& host)
{
    what.server_name = sni;
    what.fields.set("Host", host);
    return what;
}

struct enrolled_host
{
    std::string id;
    std::string credential_text;
};

enrolled_host enroll(const served_fleet& fleet, const served_tenant& into, const staged_machine& machine = {})
{
    const auto reply = fleet.send(machine.enrollment(fleet.make_token(into)));
    EXPECT_EQ(reply.status, 201) << reply.body;
    const auto body = json::parse(reply.body);
    return {body.at("host_id"), body.at("credential")};
}

// One item of each kind, told apart by `mark`. The statuses of the answers.
std::vector<int>
tell_everything(const served_fleet& fleet, const enrolled_host& host, const std::string& mark)
{
    const auto tell = [&](method verb, const std::string& path, const json& body) {
        return fleet.send(agent_call(verb, path, host.credential_text, body.dump())).status;
    };
    const auto now = to_rfc3339(real_clock().wall());
    const json package{{"name", mark}, {"version", "1"}, {"manager", "dpkg"}};
    const json event{{"id", uuid::time_ordered().to_string()}, {"at", now}, {"kind", mark}};
    return {
        tell(method::post, "/heartbeat", {{"at", now}, {"metrics", {{mark, 1}}}}),
        tell(method::put, "/inventory/os", {{"collected_at", now}, {"document", {{"name", mark}}}}),
        tell(
            method::put,
            "/packages",
            {{"collected_at", now}, {"sha256", std::string(64, 'a')}, {"packages", json::array({package})}}
        ),
        tell(method::post, "/events", {{"events", json::array({event})}})};
}
const std::vector<int> all_stored{200, 204, 204, 200};

// Whose data and which mark a tenant's database holds, table by table.
std::vector<std::string> told_in(const served_tenant& tenant)
{
    std::vector<std::string> found;
    for (const auto* sql :
         {"select string_agg(distinct host_id || ' ' || key, ',') from host_heartbeats, "
          "jsonb_object_keys(metrics) key",
          "select string_agg(host_id || ' ' || (document ->> 'name'), ',') from host_inventory where kind = "
          "'os'",
          "select string_agg(host_id || ' ' || name, ',') from host_packages",
          "select string_agg(distinct host_id || ' ' || kind, ',') from events"}) {
        found.push_back(tenant.value(sql));
    }
    return found;
}

TEST(Served, H2_TwinsOfTwoTenantsNeverShareADatum)
{
    served_fleet fleet;
    staged_machine twin;
    twin.name = "web-1";
    twin.fqdn = "web-1.example.com";
    twin.machine_hint = std::string(64, 'c');
    const auto of_acme = enroll(fleet, fleet.acme, twin);
    const auto of_globex = enroll(fleet, fleet.globex, twin);
    EXPECT_NE(of_acme.id, of_globex.id);
    EXPECT_EQ(tell_everything(fleet, of_acme, "from_acme"), all_stored);
    EXPECT_EQ(tell_everything(fleet, of_globex, "from_globex"), all_stored);

    EXPECT_EQ(
        fleet.acme.value("select string_agg(id || name || fqdn, ',') from hosts"),
        of_acme.id + "web-1web-1.example.com"
    );
    EXPECT_EQ(
        fleet.globex.value("select string_agg(id || name || fqdn, ',') from hosts"),
        of_globex.id + "web-1web-1.example.com"
    );
    EXPECT_EQ(told_in(fleet.acme), std::vector<std::string>(4, of_acme.id + " from_acme"));
    EXPECT_EQ(told_in(fleet.globex), std::vector<std::string>(4, of_globex.id + " from_globex"));
    EXPECT_EQ(
        fleet.registry_value(
            "select count(distinct tenant_id) || ' ' || count(*) from registry_host where name = 'web-1'"
        ),
        "2 2"
    );
}

TEST(Served, H6_ACredentialUnderAnotherTenantsNameIsRefusedAndAudited)
{
    served_fleet fleet;
    const auto host = enroll(fleet, fleet.acme);
    const auto other = enroll(fleet, fleet.globex);
    struct row
    {
        std::string sni;
        std::string host;
        std::string refused_by;  // kinds of names that lead elsewhere
    };
    const std::vector<row> rows{
        {"", "127.0.0.1", ""},
        {own_name, own_name, ""},
        {acme_name, acme_name, ""},
        {"ACME.DB.example.com", own_name + ":7601", ""},
        {globex_name, acme_name, "sni"},
        {globex_name, own_name, "sni"},
        {acme_name, globex_name, "host"},
        {"", globex_name, "host"},
        {"nobody.db.example.com", own_name, "sni"},
        {globex_name, globex_name, "sni,host"},
    };
    std::string refusals;
    for (const auto& one : rows) {
        SCOPED_TRACE(one.sni + " " + one.host);
        const auto reply =
            fleet.send(named(agent_call(method::get, "/self", host.credential_text), one.sni, one.host));
        EXPECT_EQ(reply.status, one.refused_by.empty() ? 200 : 403) << reply.body;
        if (one.refused_by.empty()) continue;
        EXPECT_EQ(code_of(reply), "route_key_conflict");
        EXPECT_EQ(reply.body.find("globex"), std::string::npos) << reply.body;
        refusals += (refusals.empty() ? "" : ";") + one.refused_by + ",credential";
    }
    EXPECT_EQ(
        fleet.registry_value(
            "select string_agg(detail ->> 'keys', ';' order by id) from registry_audit_event "
            "where action = 'host.route_conflict' and outcome = 'route_key_conflict' and tenant_id = '" +
            fleet.acme.id.to_string() + "' and target = '" + host.id + "'"
        ),
        refusals
    );
    EXPECT_EQ(
        fleet.send(named(agent_call(method::get, "/self", other.credential_text), globex_name, globex_name))
            .status,
        200
    );

    // What is refused is not stored, and what the body claims is not read.
    const auto claims =
        json({{"at", "2026-01-01T00:00:00Z"}, {"host_id", other.id}, {"tenant", "globex"}}).dump();
    const auto beat = agent_call(method::post, "/heartbeat", host.credential_text, claims);
    EXPECT_EQ(fleet.send(named(beat, globex_name, own_name)).status, 403);
    EXPECT_EQ(fleet.acme.value("select count(*) from host_heartbeats"), "0");
    EXPECT_EQ(fleet.send(named(beat, acme_name, own_name)).status, 200);
    EXPECT_EQ(fleet.acme.value("select string_agg(host_id::text, ',') from host_heartbeats"), host.id);
    EXPECT_EQ(fleet.globex.value("select count(*) from host_heartbeats"), "0");
}

TEST(Served, H6_ATokenUnderAnotherTenantsNameIsRefusedAndAudited)
{
    served_fleet fleet;
    const staged_machine machine;
    const auto token = fleet.make_token(fleet.acme);
    const auto attempt = machine.enrollment(token);
    for (const auto& [sni, host] : {std::pair(globex_name, own_name), std::pair(acme_name, globex_name)}) {
        const auto reply = fleet.send(named(attempt, sni, host));
        EXPECT_EQ(reply.status, 403);
        EXPECT_EQ(code_of(reply), "route_key_conflict");
    }
    EXPECT_EQ(fleet.registry_value("select max(uses) from registry_enrollment_token"), "0");
    EXPECT_EQ(
        fleet.registry_value("select count(*) || min(tenant_id::text) from registry_audit_event "
                             "where action = 'host.enroll' and outcome = 'route_key_conflict'"),
        "2" + fleet.acme.id.to_string()
    );
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "0");
    EXPECT_EQ(fleet.send(named(attempt, acme_name, acme_name)).status, 201);
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");
}

// Ten minutes by the clock of router and gateway, while nothing leads to the registry.
TEST(Served, H11_WithoutTheRegistryDataGoesOnAndEnrollmentWaits)
{
    fake_clock clock(real_clock().wall());
    served_fleet fleet(clock);
    const auto of_acme = enroll(fleet, fleet.acme);
    const auto of_globex = enroll(fleet, fleet.globex);
    EXPECT_EQ(tell_everything(fleet, of_acme, "before"), all_stored);
    const auto acme_token = fleet.make_token(fleet.acme);

    fleet.way_to_registry.set_cut(true);
    for (int minute = 2; minute <= 10; minute += 2) {
        SCOPED_TRACE(minute);
        clock.advance(std::chrono::minutes(2));
        // Connections to the tenants' databases end meanwhile: leases come from the broker, not from here.
        if (minute == 6) {
            const auto mine = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '";
            fleet.acme.value(mine + fleet.acme.database + "' and pid <> pg_backend_pid()");
            EXPECT_TRUE(eventually([&] { return tell_everything(fleet, of_acme, "again") == all_stored; }));
        }
        EXPECT_EQ(tell_everything(fleet, of_acme, "minute"), all_stored);
        EXPECT_EQ(tell_everything(fleet, of_globex, "minute"), all_stored);
        EXPECT_EQ(fleet.send(agent_call(method::get, "/self", of_acme.credential_text)).status, 200);
    }
    const auto refused = fleet.send(staged_machine().enrollment(acme_token));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(code_of(refused), "registry_unavailable");
    EXPECT_TRUE(refused.fields.find("Retry-After"));
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "1");

    fleet.way_to_registry.set_cut(false);
    http::reply back;
    EXPECT_TRUE(eventually([&] {
        back = fleet.send(staged_machine().enrollment(acme_token));
        return back.status == 201;
    })) << back.body;
    EXPECT_EQ(fleet.acme.value("select count(*) from hosts"), "2");
    EXPECT_EQ(fleet.globex.value("select count(*) from hosts"), "1");
    // And the router follows the registry again.
    fleet.made.run("update public.registry_host set state = 'revoked' where id = '" + of_globex.id + "'");
    EXPECT_TRUE(eventually([&] {
        return code_of(fleet.send(agent_call(method::get, "/self", of_globex.credential_text))) ==
               "host_revoked";
    }));
}

// A day's partition of long ago, as the tenant's own tables are.
void plant_old_partition(const served_tenant& in)
{
    in.value("do $$ begin create table host_heartbeats_20250101 partition of host_heartbeats "
             "for values from ('2025-01-01 00:00+00') to ('2025-01-02 00:00+00'); "
             "execute format('alter table host_heartbeats_20250101 owner to %s', "
             "(select relowner::regrole from pg_class where oid = 'host_heartbeats'::regclass)); end $$");
}

TEST(Served, HeartbeatsAreKeptAsLongAsEachTenantsSettingsSay)
{
    served_fleet fleet;
    const auto of_acme = enroll(fleet, fleet.acme);
    const auto of_globex = enroll(fleet, fleet.globex);
    plant_old_partition(fleet.acme);
    plant_old_partition(fleet.globex);
    fleet.made.run(
        "update public.registry_tenant set settings = '{\"heartbeat_days\": 3650}' where slug = 'globex'"
    );
    fleet.wait_applied();
    EXPECT_EQ(tell_everything(fleet, of_acme, "now"), all_stored);
    EXPECT_EQ(tell_everything(fleet, of_globex, "now"), all_stored);
    const auto partitions = "select string_agg(inhrelid::regclass::text, ',' order by 1) from pg_inherits "
                            "where inhparent = 'host_heartbeats'::regclass";
    EXPECT_EQ(fleet.acme.value(partitions).find("host_heartbeats_20250101"), std::string::npos);
    EXPECT_NE(fleet.globex.value(partitions).find("host_heartbeats_20250101"), std::string::npos);
}

// One request as bytes, with head lines besides.
std::string
raw(const enrolled_host& host, const std::string& line, const std::string& more, const std::string& body)
{
    return line + " HTTP/1.1\r\nHost: " + own_name + "\r\nConnection: close\r\nAuthorization: Bearer " +
           host.credential_text + "\r\n" + more + "\r\n" + body;
}

std::string json_head(std::size_t length, const std::string& more = {})
{
    return "Content-Type: application/json\r\nContent-Length: " + std::to_string(length) + "\r\n" + more;
}

TEST(Served, H19_WhatIsNoRequestGetsItsCodeAndStoresNothing)
{
    served_fleet fleet;
    const auto host = enroll(fleet, fleet.acme);
    const std::string beat = "POST /agent/v1/heartbeat";
    const std::string packages = "PUT /agent/v1/packages";
    struct row
    {
        std::string what;
        std::string line;
        std::string head;
        std::string body;
        int status;
        std::string code;
    };
    const auto sized = [&](std::string what,
                           std::string line,
                           std::string body,
                           int status,
                           std::string code,
                           std::string more = "") {
        return row{
            std::move(what),
            std::move(line),
            json_head(body.size(), more),
            std::move(body),
            status,
            std::move(code)};
    };
    const std::string gzip = "Content-Encoding: gzip\r\n";
    const auto whole = pack_gzip(R"({"at":"2026-01-01T00:00:00Z"})");
    const std::vector<row> rows{
        sized("no JSON", beat, "{]", 400, "body_malformed"),
        sized("deep", beat, std::string(60000, '['), 400, "body_malformed"),
        sized(
            "deep, unpacked", packages, pack_gzip(std::string(10U << 20U, '[')), 400, "body_malformed", gzip
        ),
        sized(
            "no UTF-8", beat, "{\"at\":\"2026-01-01T00:00:00Z\",\"boot_id\":\"\xff\"}", 400, "body_malformed"
        ),
        sized("too large", beat, std::string(70000, ' '), 413, "body_too_large"),
        sized("a bomb", packages, pack_gzip(std::string(64U << 20U, ' ')), 413, "body_too_large", gzip),
        sized("a cut archive", beat, whole.substr(0, whole.size() - 4), 400, "body_malformed", gzip),
        sized("no archive", beat, "{}", 400, "body_malformed", gzip),
        sized("another packing", beat, "{}", 415, "media_type", "Content-Encoding: br\r\n"),
        {"far too large, unread", packages, json_head(std::size_t{5} << 30U), "", 413, "body_too_large"},
        {"endless chunks",
         beat,
         "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
         "11170\r\n" + std::string(70000, ' ') + "\r\n",
         413,
         "body_too_large"},
        {"two lengths", beat, json_head(2, "Content-Length: 3\r\n"), "{}", 400, "http_malformed"},
        {"length and chunks",
         beat,
         json_head(2, "Transfer-Encoding: chunked\r\n"),
         "{}",
         400,
         "http_malformed"},
        {"two hosts", beat, json_head(2, "Host: " + acme_name + "\r\n"), "{}", 400, "http_malformed"},
        {"a head without end", beat, "X: " + std::string(20000, 'x') + "\r\n", "", 413, "body_too_large"},
        {"no such path", "GET /agent/v1/nothing", "", "", 404, "route_not_found"},
        {"another method", "DELETE /agent/v1/heartbeat", "", "", 405, "method_not_allowed"},
    };
    for (const auto& one : rows) {
        SCOPED_TRACE(one.what);
        auto over = fleet.connect(own_name);
        over.write(raw(host, one.line, one.head, one.body));
        const auto reply = parse_reply(over.read_to_end());
        EXPECT_EQ(reply.status, one.status) << reply.body;
        EXPECT_EQ(code_of(reply), one.code);
    }
    EXPECT_EQ(told_in(fleet.acme), std::vector<std::string>(4));
    EXPECT_EQ(tell_everything(fleet, host, "good"), all_stored);
    EXPECT_EQ(told_in(fleet.acme), std::vector<std::string>(4, host.id + " good"));
    EXPECT_EQ(told_in(fleet.globex), std::vector<std::string>(4));
}

// Requests of `by` that never send their bodies, until no further one is let in.
std::vector<tls_connection> fill_room(const served_fleet& fleet, const enrolled_host& by)
{
    std::vector<tls_connection> slow;
    for (int i = 0; i < 64; ++i) {
        slow.push_back(fleet.connect(own_name));
        slow.back().write(raw(by, "POST /agent/v1/events", json_head(13), "{"));
    }
    EXPECT_TRUE(eventually([&] {
        const auto reply = fleet.send(agent_call(method::get, "/self", by.credential_text));
        return reply.status == 503 && code_of(reply) == "gateway_busy" && reply.fields.find("Retry-After");
    }));
    return slow;
}

TEST(Served, H19_OneTenantsSlowRequestsFillItsOwnRoomAlone)
{
    served_fleet fleet;
    const auto of_acme = enroll(fleet, fleet.acme);
    const auto of_globex = enroll(fleet, fleet.globex);
    auto slow = fill_room(fleet, of_acme);
    EXPECT_EQ(tell_everything(fleet, of_globex, "meanwhile"), all_stored);

    slow.front().write(R"("events":[]})");
    EXPECT_EQ(parse_reply(slow.front().read_to_end()).status, 200);
    EXPECT_TRUE(eventually([&] {
        return fleet.send(agent_call(method::get, "/self", of_acme.credential_text)).status == 200;
    }));
    slow.clear();
    EXPECT_TRUE(eventually([&] { return tell_everything(fleet, of_acme, "after") == all_stored; }));
}

TEST(Served, H19_StrangersFillTheirOwnRoomAlone)
{
    served_fleet fleet;
    const auto of_acme = enroll(fleet, fleet.acme);
    enrolled_host stranger;
    stranger.credential_text =
        std::string(credential::make(credential_type::host, uuid::random()).to_text().reveal());
    EXPECT_EQ(fleet.send(agent_call(method::get, "/self", stranger.credential_text)).status, 401);
    const auto slow = fill_room(fleet, stranger);
    EXPECT_EQ(tell_everything(fleet, of_acme, "meanwhile"), all_stored);
    // So may who enrolls: once the router knows the token, it names a tenant.
    const auto token = fleet.make_token(fleet.globex);
    fleet.wait_applied();
    EXPECT_EQ(fleet.send(staged_machine().enrollment(token)).status, 201);
}

}  // namespace
}  // namespace leasehold::test
