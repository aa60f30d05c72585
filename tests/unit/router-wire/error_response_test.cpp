#include <leasehold/router/wire/error_response.hpp>
#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace leasehold::router::wire {
namespace {

struct said
{
    bool fatal;
    char type;
    std::string bytes;
    [[nodiscard]] error_fields fields() const
    {
        return error_fields(std::string_view(bytes).substr(header_size));
    }
};

said say(const router_error& what)
{
    message_writer out;
    const bool fatal = write_error(out, what);
    EXPECT_TRUE(scan_message(out.view()).is_complete());
    return {fatal, out.view().front(), out.take()};
}

TEST(ErrorResponse, HoldsSeverityCodeMessageDetailAndHint)
{
    const auto one = say({.code = "auth_failed", .request_id = "r1", .router_id = "x9"});
    EXPECT_TRUE(one.fatal);
    EXPECT_EQ(one.type, 'E');
    EXPECT_EQ(one.fields().find('S'), "FATAL");
    EXPECT_EQ(one.fields().find('V'), "FATAL");
    EXPECT_EQ(one.fields().sqlstate(), "28P01");
    EXPECT_EQ(one.fields().find('D'), "code=auth_failed request=r1 router=x9");
    EXPECT_TRUE(one.fields().find('H'));
    EXPECT_FALSE(one.fields().message().empty());
}

TEST(ErrorResponse, IsFatalDuringLoginAndMilderInASession)
{
    EXPECT_TRUE(say({.code = "pool_timeout", .when = error_phase::login}).fatal);
    EXPECT_FALSE(say({.code = "pool_timeout", .when = error_phase::session}).fatal);
    EXPECT_TRUE(say({.code = "server_lost", .when = error_phase::session}).fatal);
    EXPECT_TRUE(say({.code = "byte_budget", .when = error_phase::session, .force_fatal = true}).fatal);
    EXPECT_TRUE(say({.code = "never_heard_of", .when = error_phase::session}).fatal);
    EXPECT_EQ(say({.code = "never_heard_of"}).fields().sqlstate(), "XX000");
}

TEST(ErrorResponse, PrefersTheCallersWords)
{
    const auto one = say({.code = "client_limit", .message = "10 of 10 clients", .hint = "wait"});
    EXPECT_EQ(one.fields().message(), "10 of 10 clients");
    EXPECT_EQ(one.fields().find('H'), "wait");
    EXPECT_EQ(say({.code = "client_limit"}).fields().find('H'), std::nullopt);
}

TEST(ErrorResponse, HasTheSqlstatesOfEveryRow)
{
    const std::pair<const char*, const char*> wanted[] = {
        {"auth_failed", "28P01"},
        {"key_expired", "28000"},
        {"key_revoked", "28000"},
        {"route_key_conflict", "28000"},
        {"tls_required", "28000"},
        {"network_refused", "28000"},
        {"role_class_refused", "42501"},
        {"database_unknown", "3D000"},
        {"tenant_suspended", "57P03"},
        {"tenant_not_ready", "57P03"},
        {"tenant_moving", "57P03"},
        {"tenant_schema_behind", "57P03"},
        {"directory_loading", "57P03"},
        {"directory_stale", "57P03"},
        {"lease_unavailable", "57P03"},
        {"server_unavailable", "57P03"},
        {"placement_mismatch", "58000"},
        {"placement_stale", "57P03"},
        {"client_limit", "53300"},
        {"tenant_client_limit", "53300"},
        {"login_throttled", "53300"},
        {"pool_timeout", "53300"},
        {"query_timeout", "57014"},
        {"transaction_timeout", "25P04"},
        {"idle_in_transaction", "25P03"},
        {"idle_session", "57P05"},
        {"client_stalled", "57P05"},
        {"byte_budget", "53200"},
        {"statement_too_large", "54000"},
        {"statement_limit", "53400"},
        {"session_feature_refused", "0A000"},
        {"server_lost", "08006"},
        {"protocol_violation", "08P01"},
        {"protocol_unsupported", "0A000"},
        {"session_revoked", "57P01"},
        {"lease_ended", "57P01"},
        {"session_moved", "57P01"},
        {"router_draining", "57P01"},
        {"internal", "XX000"},
    };
    std::set<std::string_view> seen;
    for (const auto& [code, sqlstate] : wanted) {
        ASSERT_NE(find_error_row(code), nullptr) << code;
        EXPECT_EQ(say({.code = code}).fields().sqlstate(), sqlstate) << code;
        seen.insert(code);
    }
    for (const auto& row : error_rows) EXPECT_TRUE(seen.contains(row.code)) << row.code;
    EXPECT_EQ(seen.size(), error_rows.size());
}

TEST(NoticeResponse, IsAWarningOfTheSameForm)
{
    message_writer out;
    write_notice(out, {.code = "lease_ending", .message = "the lease ends soon", .request_id = "r"});
    const error_fields fields(out.view().substr(header_size));
    EXPECT_EQ(out.view().front(), 'N');
    EXPECT_EQ(fields.severity(), "WARNING");
    EXPECT_EQ(fields.sqlstate(), "01000");
    EXPECT_EQ(fields.find('D'), "code=lease_ending request=r");
}

}  // namespace
}  // namespace leasehold::router::wire
