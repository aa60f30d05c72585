#include "pack_gzip.hpp"
#include "thing_api.hpp"

#include <leasehold/base/uuid.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace leasehold::http::testing {
namespace {

constexpr auto own_path = "/api/v1/tenants/0190a000-0000-7000-8000-000000000001";
constexpr auto other_path = "/api/v1/tenants/0190a000-0000-7000-8000-000000000002";

struct row
{
    const char* name;
    const char* who;
    method verb;
    std::string path;
    std::string body;
    int status;
    std::string code;      // empty: not a problem
    std::string contains;  // in the body
};

std::string nested(std::size_t levels)
{
    return R"({"slug":"a","settings":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
}

const std::vector<row>& rows()
{
    using enum method;
    static const std::vector<row> all{
        // match
        {"unknown path", "platform", get, "/api/v1/nothing", "", 404, "route_not_found", ""},
        {"trailing slash", "platform", get, "/api/v1/things/", "", 404, "route_not_found", ""},
        {"encoded slash", "platform", get, "/api%2Fv1/things", "", 404, "route_not_found", ""},
        {"nul", "platform", get, "/api/v1/failures/a%00", "", 404, "route_not_found", ""},
        {"encoded letters", "platform", get, "/api/v1/%74hings", "", 200, "", "cursor"},
        {"id is no uuid", "acme", get, "/api/v1/tenants/acme", "", 404, "route_not_found", ""},
        {"text with a slash", "acme", put, "/api/v1/inventory/a%2Fb", "", 404, "route_not_found", ""},
        {"dots", "acme", put, "/api/v1/inventory/..", "", 404, "route_not_found", ""},
        {"wrong method", "platform", put, "/api/v1/things", "", 405, "method_not_allowed", "GET, POST"},
        {"rest", "", get, "/ui/assets/a.js", "", 200, "", "assets/a.js"},
        // authenticate, authorise
        {"no credential", "", get, "/api/v1/things", "", 401, "credential_missing", ""},
        {"wrong credential", "mallory", get, "/api/v1/things", "", 401, "key_invalid", ""},
        {"right credential", "platform", get, "/api/v1/things", "", 200, "", "cursor"},
        {"wrong role", "acme", get, "/api/v1/things", "", 403, "forbidden", ""},
        {"own tenant", "acme", get, own_path, "", 200, "", R"("slug":"acme")"},
        {"other tenant", "acme", get, other_path, "", 403, "tenant_access_denied", ""},
        {"own tenant of the other", "globex", get, other_path, "", 200, "", R"("slug":"globex")"},
        {"open", "", get, "/healthz", "", 200, "", "ok"},
        {"refused before the body is looked at", "acme", post, "/api/v1/things", "{", 403, "forbidden", ""},
        // query
        {"query", "platform", get, "/api/v1/things?slug=one&limit=3&deep=true", "", 200, "", R"("amount":3)"},
        {"query default", "platform", get, "/api/v1/things", "", 200, "", R"("amount":50)"},
        {"query unknown", "platform", get, "/api/v1/things?slugs=one", "", 400, "query_unknown", "slugs"},
        {"query twice", "platform", get, "/api/v1/things?limit=1&limit=2", "", 400, "query_unknown", "limit"},
        {"query too large", "platform", get, "/api/v1/things?limit=201", "", 422, "field_invalid", "?limit"},
        {"query no number", "platform", get, "/api/v1/things?limit=many", "", 422, "field_invalid", "?limit"},
        {"query no boolean", "platform", get, "/api/v1/things?deep=1", "", 422, "field_invalid", "?deep"},
        {"query where none is taken",
         "acme",
         get,
         std::string(own_path) + "?x=1",
         "",
         400,
         "query_unknown",
         ""},
        {"query on a body route",
         "platform",
         post,
         "/api/v1/things?x=1",
         R"({"slug":"a"})",
         400,
         "query_unknown",
         ""},
        // decode, validate
        {"smallest", "platform", post, "/api/v1/things", R"({"slug":"one"})", 200, "", R"("amount":7)"},
        {"everything",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"one","name":"One","amount":3,"size":"large","tags":["a","b"],"labels":{"k":"v"},
             "limits":{"max_hosts":5},"settings":{"free":[1,{"x":null}]},"ends_at":"2026-11-03T09:15:00Z",
             "server_id":"0190a000-0000-7000-8000-000000000009"})",
         200,
         "",
         R"("settings":{"free":[1,{"x":null}]})"},
        {"null optional",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"one","name":null,"limits":null})",
         200,
         "",
         ""},
        {"unknown member",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"one","slag":1})",
         422,
         "field_unknown",
         "/slag"},
        {"unknown nested",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"one","limits":{"max":1}})",
         422,
         "field_unknown",
         "/limits/max"},
        {"missing", "platform", post, "/api/v1/things", "{}", 422, "field_missing", "/slug"},
        {"missing whole body", "platform", post, "/api/v1/things", "", 422, "field_missing", "/slug"},
        {"own code", "platform", post, "/api/v1/things", R"({"slug":"No"})", 422, "slug_invalid", "/slug"},
        {"several",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"one","amount":0,"x":1})",
         422,
         "fields_invalid",
         "/amount"},
        {"wrong type", "platform", post, "/api/v1/things", R"({"slug":7})", 422, "field_invalid", "/slug"},
        {"null where needed",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":null})",
         422,
         "field_invalid",
         "/slug"},
        {"fraction",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","amount":1.5})",
         422,
         "field_invalid",
         "/amount"},
        {"out of range",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","amount":99999999999})",
         422,
         "field_invalid",
         ""},
        {"enum",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","size":"huge"})",
         422,
         "field_invalid",
         "small, large"},
        {"in list",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","tags":["x",2]})",
         422,
         "field_invalid",
         "/tags/1"},
        {"long list",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","tags":["1","2","3","4"]})",
         422,
         "field_invalid",
         ""},
        {"in map",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","labels":{"a/b":1}})",
         422,
         "field_invalid",
         "/labels/a~1b"},
        {"time",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","ends_at":"soon"})",
         422,
         "field_invalid",
         "/ends_at"},
        {"id",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","server_id":"x"})",
         422,
         "field_invalid",
         "/server_id"},
        {"no json", "platform", post, "/api/v1/things", R"({"slug":)", 400, "body_malformed", ""},
        {"two values", "platform", post, "/api/v1/things", R"({} {})", 400, "body_malformed", ""},
        {"no object", "platform", post, "/api/v1/things", "[]", 422, "field_invalid", "an object"},
        {"member twice",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a","slug":"b"})",
         400,
         "body_malformed",
         "twice"},
        {"nul in text",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"a\u0000"})",
         400,
         "body_malformed",
         ""},
        {"bad utf-8", "platform", post, "/api/v1/things", "{\"slug\":\"\xff\"}", 400, "body_malformed", ""},
        {"deep", "platform", post, "/api/v1/things", nested(31), 200, "", ""},
        {"too deep", "platform", post, "/api/v1/things", nested(32), 400, "body_malformed", "deep"},
        {"absurdly deep", "platform", post, "/api/v1/things", nested(30000), 400, "body_malformed", "deep"},
        {"too large", "platform", post, "/api/v1/things", std::string(70000, ' '), 413, "body_too_large", ""},
        {"body where none is taken",
         "platform",
         post,
         "/api/v1/things/begin",
         R"({"a":1})",
         422,
         "field_unknown",
         "/a"},
        {"unknown is ignored", "acme", post, "/api/v1/beats", R"({"at":"now","new":{"x":1}})", 204, "", ""},
        // merge patch
        {"patch nothing", "acme", patch, own_path, "{}", 200, "", R"("name":"before")"},
        {"patch value", "acme", patch, own_path, R"({"name":"after"})", 200, "", R"("name":"after")"},
        {"patch null", "acme", patch, own_path, R"({"name":null})", 200, "", R"("name":null)"},
        // answers and errors
        {"created", "platform", post, "/api/v1/things/created", R"({"slug":"one"})", 201, "", "one"},
        {"accepted", "platform", post, "/api/v1/things/begin", "", 202, "", "queued"},
        {"nothing", "acme", del, own_path, "", 204, "", ""},
        {"conflict", "platform", post, "/api/v1/things", R"({"slug":"taken"})", 409, "slug_taken", ""},
        {"handler's own field",
         "platform",
         post,
         "/api/v1/things",
         R"({"slug":"reserved"})",
         422,
         "name_reserved",
         "/slug"},
        {"unlicensed", "acme", get, "/api/v1/failures/unlicensed", "", 402, "license_missing", ""},
        {"foreign exception", "acme", get, "/api/v1/failures/std", "", 500, "internal", ""},
        {"no exception at all", "acme", get, "/api/v1/failures/int", "", 500, "internal", ""},
        {"late", "acme", get, "/api/v1/hang", "", 504, "request_timeout", ""},
    };
    return all;
}

TEST(Routes, AnswerEveryRowOfTheTable)
{
    thing_service service;
    ASSERT_FALSE(rows().empty());
    for (const auto& one : rows()) {
        SCOPED_TRACE(one.name);
        const auto out = service.ask(one.verb, one.path, one.body, one.who);
        EXPECT_EQ(out.status, one.status) << out.body;
        EXPECT_NE(out.body.find(one.contains), std::string::npos) << out.body;
        EXPECT_TRUE(uuid::parse(out.fields.find("X-Request-Id").value_or("")));
        if (one.code.empty()) continue;
        EXPECT_EQ(out.fields.find("Content-Type").value_or(""), "application/problem+json");
        const auto problem = nlohmann::json::parse(out.body);
        EXPECT_EQ(problem.value("code", ""), one.code);
        EXPECT_EQ(problem.value("type", ""), "urn:leasehold:error:" + one.code);
        EXPECT_EQ(problem.value("status", 0), one.status);
        EXPECT_EQ(problem.value("request_id", ""), out.fields.find("X-Request-Id").value_or(""));
        EXPECT_FALSE(problem.value("title", "").empty());
    }
}

TEST(Routes, NameEveryBadField)
{
    thing_service service;
    const auto out =
        service.ask(method::post, "/api/v1/things", R"({"slug":"No","amount":0,"tags":"x","odd":1})");
    const auto problem = nlohmann::json::parse(out.body);
    std::map<std::string, std::string> codes;
    for (const auto& one : problem.at("errors")) codes[one.at("pointer")] = one.at("code");
    const std::map<std::string, std::string> wanted{
        {"/slug", "slug_invalid"},
        {"/amount", "field_invalid"},
        {"/tags", "field_invalid"},
        {"/odd", "field_unknown"}};
    EXPECT_EQ(codes, wanted);
}

TEST(Routes, TellWhatIsInternalToTheLogOnly)
{
    thing_service service;
    EXPECT_EQ(
        service.ask(method::get, "/api/v1/failures/std").body.find("secret internals"), std::string::npos
    );
    const auto sealed = service.ask(method::get, "/api/v1/failures/unavailable");
    EXPECT_EQ(sealed.status, 503);
    EXPECT_EQ(sealed.body.find("10.0.0.7"), std::string::npos);
    EXPECT_NE(sealed.body.find("the broker is sealed"), std::string::npos);
}

TEST(Routes, SendHeadersOnEveryAnswer)
{
    thing_service service;
    for (const auto* path : {"/api/v1/things", "/nowhere"}) {
        incoming what(method::get, path);
        what.is_tls = true;
        const auto out = service.ask(std::move(what));
        for (const auto* name :
             {"X-Request-Id",
              "X-Content-Type-Options",
              "Cross-Origin-Opener-Policy",
              "Cross-Origin-Resource-Policy",
              "Referrer-Policy",
              "Cache-Control",
              "Strict-Transport-Security"}) {
            EXPECT_TRUE(out.fields.find(name)) << name;
        }
    }
    EXPECT_FALSE(service.ask(method::get, "/healthz").fields.find("Strict-Transport-Security"));
}

TEST(Routes, SayWhenToComeAgain)
{
    thing_service service;
    const auto later = service.ask(method::get, "/api/v1/failures/later");
    EXPECT_EQ(later.fields.find("Retry-After").value_or(""), "9");
    EXPECT_EQ(later.fields.find("Leasehold-Time").value_or(""), "now")
        << "a handler's headers survive its error";
    EXPECT_TRUE(service.ask(method::get, "/api/v1/failures/unavailable").fields.find("Retry-After"));
    EXPECT_FALSE(service.ask(method::get, "/api/v1/failures/unlicensed").fields.find("Retry-After"));
}

TEST(Routes, PointToTheNewResource)
{
    thing_service service;
    const auto made = service.ask(method::post, "/api/v1/things/created", R"({"slug":"one"})");
    EXPECT_EQ(made.fields.find("Location").value_or(""), std::string(own_path));
    const auto begun = service.ask(method::post, "/api/v1/things/begin");
    EXPECT_EQ(begun.fields.find("Location").value_or(""), "/api/v1/operations/1");
}

TEST(Routes, NameTheAllowedMethods)
{
    thing_service service;
    const auto out = service.ask(method::put, own_path);
    EXPECT_EQ(out.status, 405);
    EXPECT_EQ(out.fields.find("Allow").value_or(""), "GET, PATCH, DELETE");
    EXPECT_EQ(service.ask(method::other, own_path).status, 405);
}

TEST(Routes, AskForACredential)
{
    thing_service service;
    const auto out = service.ask(method::get, "/api/v1/things", "", "");
    EXPECT_TRUE(out.fields.find("WWW-Authenticate"));
}

TEST(Routes, TakeJsonOnly)
{
    thing_service service;
    const auto send = [&](const char* type) {
        incoming what(method::post, "/api/v1/things");
        what.fields.set("authorization", "bearer platform");
        what.fields.set("content-type", type);
        what.body = R"({"slug":"one"})";
        return service.ask(std::move(what)).status;
    };
    EXPECT_EQ(send("application/json"), 200);
    EXPECT_EQ(send("Application/JSON; charset=utf-8"), 200);
    EXPECT_EQ(send("text/plain"), 415);
    EXPECT_EQ(send("application/merge-patch+json"), 415) << "of PATCH only";
}

TEST(Routes, UnpackGzipWithinTheLimitWhereARouteAllowsIt)
{
    thing_service service;
    const auto send = [&](std::string path, std::string body, const char* encoding) {
        incoming what(method::put, std::move(path));
        what.fields.set("Authorization", "Bearer acme");
        what.fields.set("Content-Encoding", encoding);
        what.body = std::move(body);
        return service.ask(std::move(what));
    };
    const auto good = send("/api/v1/inventory/dmi", test::pack_gzip(std::string(90000, 'x')), "gzip");
    EXPECT_EQ(good.status, 200);
    EXPECT_EQ(good.body, "dmi:90000");
    EXPECT_EQ(send("/api/v1/inventory/dmi", test::pack_gzip(std::string(200000, 'x')), "gzip").status, 413)
        << "unpacked too large";
    EXPECT_EQ(send("/api/v1/inventory/dmi", std::string(1001, 'x'), "gzip").status, 413)
        << "packed too large";
    EXPECT_EQ(send("/api/v1/inventory/dmi", "not gzip", "gzip").status, 400);
    EXPECT_EQ(send("/api/v1/inventory/dmi", test::pack_gzip("x") + "tail", "gzip").status, 400);
    const auto whole = test::pack_gzip("some text that is packed");
    EXPECT_EQ(send("/api/v1/inventory/dmi", whole.substr(0, whole.size() - 3), "gzip").status, 400) << "cut";
    EXPECT_EQ(send("/api/v1/inventory/dmi", "x", "br").status, 415);
    incoming beat(method::post, "/api/v1/beats");
    beat.fields.set("Authorization", "Bearer acme");
    beat.fields.set("Content-Encoding", "gzip");
    beat.body = test::pack_gzip(R"({"at":"now"})");
    EXPECT_EQ(service.ask(std::move(beat)).status, 415) << "a route that does not allow it";
}

TEST(Routes, CountWhatTheyAnswered)
{
    thing_service service;
    service.ask(method::get, "/api/v1/things");
    service.ask(method::get, own_path, "", "acme");
    service.ask(method::get, other_path, "", "acme");
    service.ask(method::post, "/api/v1/beats", R"({"at":"now","a":1,"b":2})");
    const auto text = service.meters.to_text();
    const auto has = [&](const char* name, const std::vector<std::string>& labels) {
        std::size_t at = 0;
        while ((at = text.find(name, at)) != std::string::npos) {
            const auto line = text.substr(at, text.find('\n', at) - at);
            bool all = true;
            for (const auto& label : labels) all = all && line.find(label) != std::string::npos;
            if (all) return true;
            at += 1;
        }
        return false;
    };
    EXPECT_TRUE(has(
        "leasehold_http_requests_total", {"route=\"/api/v1/things\"", "outcome=\"2xx\"", "method=\"GET\""}
    ));
    EXPECT_TRUE(
        has("leasehold_http_requests_total", {"route=\"/api/v1/tenants/{tenant_id}\"", "outcome=\"4xx\""})
    );
    EXPECT_TRUE(has("leasehold_http_request_seconds_count", {"route=\"/api/v1/things\""}));
    EXPECT_TRUE(has("leasehold_http_fields_ignored_total", {"} 2"}));
    EXPECT_EQ(text.find("0190a000"), std::string::npos) << "no id becomes a label";
}

TEST(Routes, TellTheListenerWhatToRead)
{
    thing_service service;
    incoming inventory(method::put, "/api/v1/inventory/dmi");
    const auto known = service.table.admit(inventory);
    EXPECT_TRUE(known.reads_body);
    EXPECT_EQ(known.body_limit, 1000U);
    EXPECT_EQ(known.unpacked, 0U);
    inventory.fields.set("Content-Encoding", "gzip");
    EXPECT_EQ(service.table.admit(inventory).unpacked, 100000U);
    const incoming nowhere(method::put, "/nowhere");
    EXPECT_FALSE(service.table.admit(nowhere).reads_body);
}

TEST(Routes, RefuseWhatCannotBeMounted)
{
    thing_service service;
    const auto again = [&] { service.api.mount(service.table); };
    EXPECT_THROW(again(), error);
    const auto without_tenant = [&] {
        service.table.get("/api/v1/things/{thing_id}", may::read_tenant, &service.api, &thing_api::show);
    };
    EXPECT_THROW(without_tenant(), error);
}

}  // namespace
}  // namespace leasehold::http::testing
