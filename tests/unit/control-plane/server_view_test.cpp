#include "api/views.hpp"

#include <gtest/gtest.h>

namespace leasehold::control_plane {
namespace {

nlohmann::json shown(const registry::server& from)
{
    auto json = nlohmann::json::object();
    http::table_of<server_view>().encode(to_view(from), json);
    return json;
}

TEST(ServerView, SaysWhenTheServerWasLookedAt)
{
    registry::server server;
    EXPECT_TRUE(shown(server).at("preflight_at").is_null());
    server.preflight_at = parse_rfc3339("2026-11-03T09:15:00Z").value();
    EXPECT_EQ(shown(server).at("preflight_at"), to_rfc3339(*server.preflight_at));
}

}  // namespace
}  // namespace leasehold::control_plane
