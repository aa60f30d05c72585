#include "directory/change_reading.hpp"
#include "directory_fixture.hpp"

#include <gtest/gtest.h>

namespace leasehold::router {
namespace {

using namespace test;

struct stage
{
    any_directory keeper;
    tenant_record acme = make_tenant("acme");
    tenant_record globex = make_tenant("globex");
    key_record key;
    directory_ptr before;

    stage()
    {
        key.id = key_id::random();
        key.tenant = acme.id;
        key.role = key_role::write;
        auto all = change_of(acme);
        all.tenants[globex.id] = globex;
        all.keys[key.id] = key;
        before = keeper.apply(std::move(all));
    }
    acts after_tenant(const tenant_record& now)
    {
        change_summary named;
        named.names.tenants = {now.id};
        return acts_between(*before, *keeper.apply(change_of(now)), named, wall_time::clock::now());
    }
    acts after_key(std::optional<key_record> now)
    {
        change_summary named;
        named.names.keys = {key.id};
        directory_change change;
        change.keys[key.id] = std::move(now);
        return acts_between(*before, *keeper.apply(std::move(change)), named, wall_time::clock::now());
    }
};

TEST(Acts, ASuspendedTenantIsKilledAndItsLeasesEnd)
{
    stage s;
    auto now = s.acme;
    now.state = tenant_state::suspended;
    const auto todo = s.after_tenant(now);
    EXPECT_EQ(todo.tenants_to_kill, std::set<tenant_id>{s.acme.id});
    EXPECT_EQ(todo.tenants_to_retire, std::set<tenant_id>{s.acme.id});
}

TEST(Acts, ANewPlacementEndsWhatUsesTheOldOne)
{
    stage s;
    auto now = s.acme;
    now.placement->generation = 2;
    EXPECT_EQ(s.after_tenant(now).tenants_to_kill.size(), 1U);
}

TEST(Acts, OtherChangesOfATenantDisturbNobody)
{
    stage s;
    auto now = s.acme;
    now.slug = "acme-two";
    now.schema_version = 9;
    EXPECT_TRUE(s.after_tenant(now).empty());
}

TEST(Acts, ARevokedEndedAlteredOrRemovedKeyLosesItsSessions)
{
    const auto now = wall_time::clock::now();
    stage s;
    auto revoked = s.key;
    revoked.revoked_at = now;
    EXPECT_EQ(s.after_key(revoked).principals_to_kill.size(), 1U);
    auto ended = s.key;
    ended.expires_at = now - std::chrono::seconds(1);
    EXPECT_EQ(s.after_key(ended).principals_to_kill.size(), 1U);
    auto lowered = s.key;
    lowered.role = key_role::read;
    EXPECT_EQ(s.after_key(lowered).principals_to_kill.size(), 1U);
    EXPECT_EQ(s.after_key(std::nullopt).principals_to_kill.size(), 1U);
}

TEST(Acts, AKeyWithAnotherEndKeepsItsSessionsUntilThen)
{
    stage s;
    auto limited = s.key;
    limited.expires_at = wall_time::clock::now() + std::chrono::hours(1);
    const auto todo = s.after_key(limited);
    EXPECT_TRUE(todo.principals_to_kill.empty());
    ASSERT_EQ(todo.principals_to_limit.size(), 1U);
    EXPECT_EQ(todo.principals_to_limit[0].first.id, s.key.id.value());
    EXPECT_EQ(todo.principals_to_limit[0].second, limited.expires_at);
    EXPECT_TRUE(s.after_key(s.key).empty());  // as it was before
}

TEST(Acts, ReadsWhatChangeRowsName)
{
    const auto tenant = tenant_id::random();
    const auto key = key_id::random();
    std::vector<registry::change_row> rows(4);
    rows[0].kind = "placement";
    rows[0].tenant = tenant;
    rows[1].kind = "key";
    rows[1].payload = {{"act", "update"}, {"id", key.to_string()}};
    rows[2].kind = "license";
    rows[3].kind = "of a later release";
    const auto found = to_summary(rows);
    EXPECT_EQ(found.names.tenants, std::set<tenant_id>{tenant});
    EXPECT_EQ(found.names.keys, std::set<key_id>{key});
    EXPECT_TRUE(found.has_license);
}

TEST(Acts, WhatIsNamedAndNotThereIsGone)
{
    registry::route_names names;
    names.keys = {key_id::random()};
    names.tenants = {tenant_id::random()};
    const auto change = to_change(names, {});
    ASSERT_EQ(change.keys.size(), 1U);
    EXPECT_FALSE(change.keys.begin()->second.has_value());
    ASSERT_EQ(change.tenants.size(), 1U);
    EXPECT_FALSE(change.tenants.begin()->second.has_value());
}

}  // namespace
}  // namespace leasehold::router
