#include <leasehold/registry/fleet.hpp>
#include <leasehold/registry/principal.hpp>
#include <leasehold/registry/tenants.hpp>

#include <gtest/gtest.h>

#include <type_traits>

namespace leasehold::registry {
namespace {

TEST(Tier, ReadsWhatItWrites)
{
    for (const auto one : {tier::database, tier::schema, tier::server})
        EXPECT_EQ(parse_tier(to_text(one)), one);
    EXPECT_FALSE(parse_tier("Database"));
    EXPECT_FALSE(parse_tier(""));
}

TEST(Principal, OfTheSystemNamesItsPart)
{
    EXPECT_EQ(principal::system("sweeper").name, "system:sweeper");
    EXPECT_TRUE(principal::system("sweeper").request_id.empty());
}

// A function that serves a tenant cannot be called with an id that a client wrote: only who derives from
// scope_maker makes one.
TEST(TenantScope, IsNotMadeFromAnId)
{
    static_assert(!std::is_constructible_v<tenant_scope, tenant_id>);
    static_assert(!std::is_default_constructible_v<tenant_scope>);
    static_assert(!std::is_default_constructible_v<tenant_scope::pass_key>);
    struct authentication : scope_maker
    {
        static tenant_scope verified(const tenant_id& id) { return scope_of(id); }
    };
    const auto id = tenant_id::random();
    EXPECT_EQ(authentication::verified(id).id(), id);
}

TEST(CollapsedTenant, IsTheSameEverywhere)
{
    EXPECT_EQ(collapsed_tenant(), collapsed_tenant());
    EXPECT_EQ(tid::of(collapsed_tenant()).text().size(), 10U);
}

}  // namespace
}  // namespace leasehold::registry
