#include "auth/permissions.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace leasehold::control_plane {
namespace {

constexpr std::array all_roles{
    role::owner, role::operator_, role::auditor, role::admin, role::write, role::read};

// Written down a second time, by role instead of by permission: what the product's page says, not what the
// code says.
const std::set<std::string> of_everybody{
    "self.read", "tenants.list", "tenants.read", "operations.read", "status.read"};

std::set<std::string> expected(role who)
{
    auto all = of_everybody;
    const auto add = [&](std::initializer_list<const char*> names) {
        all.insert(names.begin(), names.end());
    };
    switch (who) {
    case role::owner:
        add({"platform_keys.read", "platform_keys.write", "license.install"});
        [[fallthrough]];
    case role::operator_:
        add(
            {"tenants.create",
             "tenants.suspend",
             "tenants.delete",
             "tokens.read",
             "tokens.write",
             "keys.read",
             "keys.write",
             "hosts.decide",
             "operations.act"}
        );
        [[fallthrough]];
    case role::auditor:
        add({"tenants.verify", "servers.read", "license.read"});
        break;
    case role::admin:
        add({"tokens.read", "tokens.write", "keys.read", "keys.write", "hosts.read", "hosts.decide"});
        break;
    case role::write:
    case role::read:
        add({"hosts.read"});
        break;
    }
    return all;
}

constexpr std::array every_permission{may::know_itself,         may::list_tenants,    may::read_tenant,
                                      may::create_tenant,       may::suspend_tenant,  may::delete_tenant,
                                      may::verify_tenant,       may::read_tokens,     may::write_tokens,
                                      may::read_keys,           may::write_keys,      may::read_platform_keys,
                                      may::write_platform_keys, may::read_hosts,      may::decide_hosts,
                                      may::read_servers,        may::read_operations, may::act_on_operations,
                                      may::read_license,        may::install_license, may::read_status};

TEST(Permissions, EveryRoleMayWhatIsWrittenAndNothingElse)
{
    for (const auto who : all_roles) {
        const auto wanted = expected(who);
        std::set<std::string> found;
        for (const auto& one : every_permission) {
            if (is_allowed(who, one)) found.emplace(one.name);
        }
        EXPECT_EQ(found, wanted) << to_text(who);
    }
}

TEST(Permissions, WhatIsNotListedIsDenied)
{
    for (const auto who : all_roles) {
        EXPECT_FALSE(is_allowed(who, http::permission("tenants.rename", http::scope::platform)));
        EXPECT_FALSE(is_allowed(who, http::permission("", http::scope::principal)));
        EXPECT_FALSE(is_allowed(who, http::open_to_all));
    }
}

TEST(Permissions, NoPlatformRoleReadsTenantData)
{
    int tenant_data = 0;
    for (const auto& one : every_permission) {
        if (!is_tenant_data(one)) continue;
        ++tenant_data;
        for (const auto who : all_roles) EXPECT_EQ(is_allowed(who, one), !is_platform(who)) << one.name;
    }
    EXPECT_GT(tenant_data, 0);
}

TEST(Permissions, NoTenantRoleActsOnThePlatform)
{
    for (const auto& one : every_permission) {
        if (one.needs != http::scope::platform) continue;
        for (const auto who : {role::admin, role::write, role::read})
            EXPECT_FALSE(is_allowed(who, one)) << one.name;
    }
}

TEST(Roles, ReadWhatTheyWrite)
{
    for (const auto who : all_roles) EXPECT_EQ(parse_role(to_text(who)), who);
    EXPECT_FALSE(parse_role("root"));
    EXPECT_FALSE(parse_role("Owner"));
    EXPECT_FALSE(parse_role(""));
}

TEST(Roles, NobodyGivesMoreThanTheirOwn)
{
    EXPECT_TRUE(may_give(role::owner, role::owner));
    EXPECT_TRUE(may_give(role::operator_, role::admin));
    EXPECT_TRUE(may_give(role::admin, role::read));
    EXPECT_FALSE(may_give(role::operator_, role::owner));
    EXPECT_FALSE(may_give(role::auditor, role::operator_));
    EXPECT_FALSE(may_give(role::admin, role::operator_));
    EXPECT_FALSE(may_give(role::read, role::write));
}

}  // namespace
}  // namespace leasehold::control_plane
