#include "classify.hpp"

#include <gtest/gtest.h>

#include <string>

namespace leasehold::vault_client {
namespace {

struct row
{
    const char* name;
    call_kind kind;
    int status;
    const char* body;
    verdict what;
    failure cause;  // when failed
    bool carried_index = false;
};

std::string errors(const char* text)
{
    return std::string("{\"errors\":[\"") + text + "\"]}";
}

// One row for each meaning that an answer can have; the texts are OpenBAO 2.7.2's where it can be made to say
// them.
const row rows[] = {
    {"ok", call_kind::role, 200, "{}", verdict::ok, {}},
    {"no content", call_kind::role, 204, "", verdict::ok, {}},
    {"queued", call_kind::revoke, 202, "{}", verdict::ok, {}},
    {"redirect", call_kind::issue, 307, "", verdict::redirect, {}},
    {"nothing there", call_kind::role, 404, R"j({"errors":[]})j", verdict::absent, {}},
    {"404 of a proxy", call_kind::list_leases, 404, "<html>", verdict::failed, failure::protocol},
    {"404 of an unmounted engine",
     call_kind::list_leases,
     404,
     R"j({"errors":["no handler for route \"x\"."]})j",
     verdict::failed,
     failure::refused},
    {"unknown role",
     call_kind::issue,
     400,
     R"j({"errors":["unknown role: rw_x"]})j",
     verdict::failed,
     failure::role_unknown},
    {"lease not found",
     call_kind::renew,
     400,
     R"j({"errors":["lease not found"]})j",
     verdict::failed,
     failure::lease_gone},
    {"lease expired",
     call_kind::renew,
     400,
     R"j({"errors":["lease expired"]})j",
     verdict::failed,
     failure::lease_gone},
    {"other 400",
     call_kind::role,
     400,
     R"j({"errors":["empty role name"]})j",
     verdict::failed,
     failure::refused},
    {"unknown role of another call",
     call_kind::role,
     400,
     R"j({"errors":["unknown role: x"]})j",
     verdict::failed,
     failure::refused},
    {"cas",
     call_kind::kv,
     400,
     R"j({"errors":["check-and-set parameter did not match the current version"]})j",
     verdict::failed,
     failure::conflict},
    {"bad login",
     call_kind::login,
     400,
     R"j({"errors":["invalid role or secret ID"]})j",
     verdict::failed,
     failure::login_refused},
    {"forbidden login",
     call_kind::login,
     403,
     R"j({"errors":["permission denied"]})j",
     verdict::failed,
     failure::login_refused},
    {"405",
     call_kind::issue,
     405,
     R"j({"errors":["unsupported operation"]})j",
     verdict::failed,
     failure::refused},
    {"413", call_kind::role, 413, "", verdict::failed, failure::refused},
    {"403",
     call_kind::issue,
     403,
     R"j({"errors":["permission denied"]})j",
     verdict::failed,
     failure::forbidden},
    {"412", call_kind::issue, 412, R"j({"errors":[]})j", verdict::failed, failure::stale},
    {"429 with an index", call_kind::issue, 429, R"j({"errors":[]})j", verdict::failed, failure::stale, true},
    {"429",
     call_kind::issue,
     429,
     R"j({"errors":["request path: rate limit quota exceeded"]})j",
     verdict::failed,
     failure::throttled},
    {"server refuses",
     call_kind::issue,
     500,
     R"j({"errors":["1 error occurred: failed to connect to `host=x`: dial error (dial tcp: connect: connection refused)"]})j",
     verdict::failed,
     failure::server_busy},
    {"53300",
     call_kind::issue,
     500,
     R"j({"errors":["FATAL: sorry, too many clients already (SQLSTATE 53300)"]})j",
     verdict::failed,
     failure::server_busy},
    {"08006",
     call_kind::issue,
     500,
     R"j({"errors":["lost (SQLSTATE 08006)"]})j",
     verdict::failed,
     failure::server_busy},
    {"57P03",
     call_kind::revoke,
     500,
     R"j({"errors":["FATAL: starting up (SQLSTATE 57P03)"]})j",
     verdict::failed,
     failure::server_busy},
    {"42501",
     call_kind::issue,
     500,
     R"j({"errors":["ERROR: permission denied to create role (SQLSTATE 42501)"]})j",
     verdict::failed,
     failure::server_fault},
    {"2BP01",
     call_kind::revoke,
     500,
     R"j({"errors":["cannot be dropped (SQLSTATE 2BP01)"]})j",
     verdict::failed,
     failure::server_fault},
    {"54000",
     call_kind::issue,
     500,
     R"j({"errors":["row is too big (SQLSTATE 54000)"]})j",
     verdict::failed,
     failure::server_fault},
    {"0LP01",
     call_kind::issue,
     500,
     R"j({"errors":["(SQLSTATE 0LP01)"]})j",
     verdict::failed,
     failure::server_fault},
    {"42704",
     call_kind::issue,
     500,
     R"j({"errors":["role does not exist (SQLSTATE 42704)"]})j",
     verdict::failed,
     failure::server_fault},
    {"XX000",
     call_kind::issue,
     500,
     R"j({"errors":["tuple concurrently updated (SQLSTATE XX000)"]})j",
     verdict::failed,
     failure::server_fault},
    {"not an allowed role",
     call_kind::issue,
     500,
     R"j({"errors":["1 error occurred:\n\t* \"xx_a\" is not an allowed role\n\n"]})j",
     verdict::failed,
     failure::server_fault},
    {"no config",
     call_kind::issue,
     500,
     R"j({"errors":["failed to find entry for connection with name: \"eu-1\""]})j",
     verdict::failed,
     failure::server_fault},
    {"read-only storage",
     call_kind::renew,
     500,
     R"j({"errors":["cannot write to readonly storage"]})j",
     verdict::failed,
     failure::not_active},
    {"local node not active",
     call_kind::issue,
     500,
     R"j({"errors":["local node not active but active cluster node not found"]})j",
     verdict::failed,
     failure::not_active},
    {"503 not active",
     call_kind::issue,
     503,
     R"j({"errors":["node is not active"]})j",
     verdict::failed,
     failure::not_active},
    {"503 no active instance",
     call_kind::issue,
     503,
     R"j({"errors":["no active OpenBao instance found"]})j",
     verdict::failed,
     failure::not_active},
    {"502", call_kind::issue, 502, "<html>bad gateway</html>", verdict::failed, failure::not_active},
    {"504", call_kind::renew, 504, "", verdict::failed, failure::not_active},
    {"503 of a proxy", call_kind::renew, 503, "<html>", verdict::failed, failure::not_active},
    {"audit",
     call_kind::issue,
     500,
     R"j({"errors":["failed to audit request: no space left on device"]})j",
     verdict::failed,
     failure::audit_blocked},
    {"503 audit",
     call_kind::issue,
     503,
     R"j({"errors":["failed to audit response"]})j",
     verdict::failed,
     failure::audit_blocked},
    {"sealed",
     call_kind::issue,
     503,
     R"j({"errors":["Vault is sealed"]})j",
     verdict::failed,
     failure::sealed},
    {"501", call_kind::issue, 501, R"j({"errors":[]})j", verdict::failed, failure::uninitialised},
    {"not initialised",
     call_kind::issue,
     400,
     R"j({"errors":["server is not yet initialized"]})j",
     verdict::failed,
     failure::uninitialised},
    {"namespace sealed",
     call_kind::issue,
     503,
     R"j({"errors":["namespace is sealed"]})j",
     verdict::failed,
     failure::namespace_gone},
    {"472", call_kind::issue, 472, "{}", verdict::failed, failure::unusable},
    {"473", call_kind::issue, 473, "{}", verdict::failed, failure::unusable},
    {"530", call_kind::issue, 530, "{}", verdict::failed, failure::unusable},
    {"teapot", call_kind::issue, 418, "{}", verdict::failed, failure::refused},
    {"nothing known", call_kind::issue, 301, "", verdict::failed, failure::protocol},
    {"health says standby", call_kind::health, 429, "{}", verdict::ok, {}},
    {"health says sealed", call_kind::health, 503, "{}", verdict::ok, {}},
};

TEST(Classify, GivesEveryAnswerItsFailure)
{
    for (const auto& each : rows) {
        asked about;
        about.kind = each.kind;
        about.path = "database/creds/rw_x";
        about.carried_index = each.carried_index;
        const auto seen = classify(about, each.status, http::headers(), each.body);
        EXPECT_EQ(seen.what, each.what) << each.name;
        if (each.what != verdict::failed) continue;
        EXPECT_EQ(facts_of(seen.report.what).name, facts_of(each.cause).name) << each.name;
        EXPECT_EQ(seen.report.status, each.status) << each.name;
        EXPECT_EQ(seen.report.path, "database/creds/rw_x") << each.name;
    }
}

TEST(Classify, ReadsStateAndWaitingTime)
{
    asked about;
    about.kind = call_kind::issue;
    http::headers fields;
    fields.set("Retry-After", "7");
    const auto throttled = classify(about, 429, fields, "{}");
    EXPECT_EQ(throttled.report.retry_after, std::chrono::seconds(7));
    const auto fault = classify(about, 500, http::headers(), errors("no (SQLSTATE 42501)"));
    EXPECT_EQ(fault.report.sqlstate, "42501");
    http::headers odd;
    odd.set("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT");
    EXPECT_FALSE(classify(about, 429, odd, "{}").report.retry_after.has_value());
}

TEST(Classify, BrokenBodiesAreRefusedNotRead)
{
    asked about;
    about.kind = call_kind::issue;
    for (const char* body : {"", "{", "[]", "null", R"j({"errors":7})j", R"j({"errors":[7]})j", "\xff\xfe"}) {
        const auto seen = classify(about, 500, http::headers(), body);
        EXPECT_EQ(seen.what, verdict::failed) << body;
        EXPECT_TRUE(seen.report.broker_text.empty()) << body;
    }
}

TEST(Redact, HidesWhatCouldBeACredential)
{
    struct secret_row
    {
        const char* text;
        const char* hidden;
        const char* kept;
    };
    const secret_row cases[] = {
        {"cannot parse postgresql://bob:hunter2@10.0.0.1:5432/postgres", "hunter2", "10.0.0.1"},
        {"failed: password=hunter2 host=x", "hunter2", "host=x"},
        {R"(bad "password": "hunter2", next)", "hunter2", "bad"},
        {"CREATE ROLE x PASSWORD 'hunter2' LOGIN", "hunter2", "LOGIN"},
        {"token s.HHqKZV0OgeSgUxoKPIHQdMT5 is gone", "HHqKZV0OgeSgUxoKPIHQdMT5", "is gone"},
        {"hvs.CAESIJ4aaaaB7777777777 unknown", "CAESIJ4aaaaB7777777777", "unknown"},
    };
    for (const auto& each : cases) {
        const auto seen = redact(each.text);
        EXPECT_EQ(seen.find(each.hidden), std::string::npos) << seen;
        EXPECT_NE(seen.find(each.kept), std::string::npos) << seen;
    }
    EXPECT_EQ(redact("permission denied"), "permission denied");
    EXPECT_LE(redact(std::string(1U << 20U, 'x')).size(), 1024U);
}

TEST(Error, TellsTheCallerLittleAndTheLogMore)
{
    failure_report report(failure::denied);
    report.path = "database/creds/rw_x";
    report.broker_text = "1 error occurred";
    report.status = 403;
    const error made(report);
    EXPECT_EQ(made.code(), "broker_denied");
    EXPECT_EQ(made.kind(), error_kind::unavailable);
    EXPECT_NE(made.detail().find("database/creds/rw_x"), std::string::npos);
    EXPECT_EQ(made.detail().find("1 error"), std::string::npos);
    EXPECT_NE(std::string(made.what()).find("1 error"), std::string::npos);
}

}  // namespace
}  // namespace leasehold::vault_client
