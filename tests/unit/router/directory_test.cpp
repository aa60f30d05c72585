#include "directory_fixture.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace leasehold::router {
namespace {

using namespace test;

// Nothing that could route to a second tenant exists without a verified license.
static_assert(!std::is_default_constructible_v<fleet_directory>);
static_assert(!std::is_constructible_v<fleet_directory, std::string>);
static_assert(!std::is_constructible_v<fleet_directory, const single_tenant&, std::string>);
static_assert(!std::is_constructible_v<one_tenant_directory, const multi_tenant&>);
static_assert(!std::is_default_constructible_v<multi_tenant>);

TEST(Directory, FindsATenantByEveryOfItsNames)
{
    any_directory keeper;
    const auto acme = make_tenant("acme");
    const auto globex = make_tenant("globex");
    auto change = change_of(acme);
    change.tenants[globex.id] = globex;
    domain_record shop;
    shop.domain = "shop.acme.test";
    shop.tenant = acme.id;
    change.domains[shop.domain] = shop;
    const auto now = keeper.apply(std::move(change));

    for (const auto* found :
         {now->find_tenant(acme.id),
          now->find_slug("acme"),
          now->find_tid(acme.tid),
          now->find_database(acme.placement->database),
          now->find_domain("shop.acme.test"),
          now->find_domain("acme.example.net")}) {
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->id, acme.id);
    }
    EXPECT_EQ(now->find_slug("globex")->id, globex.id);
    EXPECT_EQ(now->find_slug("Acme"), nullptr);  // no folding
    EXPECT_EQ(now->find_domain("other.acme.test"), nullptr);
    EXPECT_EQ(now->find_domain("example.net"), nullptr);
    EXPECT_EQ(now->find_domain("acmeXexample.net"), nullptr);
    EXPECT_EQ(now->count().tenants, 2U);
}

TEST(Directory, ARenamedTenantLosesItsOldNames)
{
    any_directory keeper;
    auto acme = make_tenant("acme");
    const auto before = keeper.apply(change_of(acme));
    const auto old_database = acme.placement->database;
    acme.slug = "acme-two";
    acme.placement->database = "elsewhere";
    const auto after = keeper.apply(change_of(acme));

    EXPECT_EQ(after->find_slug("acme"), nullptr);
    EXPECT_EQ(after->find_database(old_database), nullptr);
    EXPECT_NE(after->find_slug("acme-two"), nullptr);
    EXPECT_NE(after->find_database("elsewhere"), nullptr);
    // The one before is as it was: whoever holds it sees no change.
    EXPECT_NE(before->find_slug("acme"), nullptr);
    EXPECT_EQ(before->find_slug("acme-two"), nullptr);
}

TEST(Directory, TwoTenantsThatSwapNamesInOneChangeKeepBoth)
{
    any_directory keeper;
    auto one = make_tenant("one");
    auto two = make_tenant("two");
    auto first = change_of(one);
    first.tenants[two.id] = two;
    keeper.apply(std::move(first));
    std::swap(one.slug, two.slug);
    auto second = change_of(one);
    second.tenants[two.id] = two;
    const auto now = keeper.apply(std::move(second));
    ASSERT_NE(now->find_slug("one"), nullptr);
    ASSERT_NE(now->find_slug("two"), nullptr);
    EXPECT_EQ(now->find_slug("one")->id, two.id);
    EXPECT_EQ(now->find_slug("two")->id, one.id);
}

TEST(Directory, AGoneTenantIsFoundByNothing)
{
    any_directory keeper;
    const auto acme = make_tenant("acme");
    keeper.apply(change_of(acme));
    directory_change gone;
    gone.tenants[acme.id];
    const auto now = keeper.apply(std::move(gone));
    EXPECT_EQ(now->find_tenant(acme.id), nullptr);
    EXPECT_EQ(now->find_slug("acme"), nullptr);
    EXPECT_EQ(now->find_tid(acme.tid), nullptr);
    EXPECT_EQ(now->find_database(acme.placement->database), nullptr);
    EXPECT_EQ(now->count().tenants, 0U);
}

TEST(Directory, HoldsManyAndSharesWhatDidNotChange)
{
    any_directory keeper;
    directory_change many;
    std::vector<tenant_record> all;
    for (int i = 0; i < 5000; ++i) {
        all.push_back(make_tenant("tenant-" + std::to_string(i)));
        many.tenants[all.back().id] = all.back();
    }
    const auto before = keeper.apply(std::move(many));
    all[7].slug = "renamed";
    const auto after = keeper.apply(change_of(all[7]));
    EXPECT_EQ(after->count().tenants, 5000U);
    EXPECT_EQ(after->find_slug("renamed")->id, all[7].id);
    std::size_t shared = 0;
    for (const auto& one : all) {
        ASSERT_NE(after->find_tenant(one.id), nullptr);
        if (after->find_tenant(one.id) == before->find_tenant(one.id)) ++shared;
    }
    EXPECT_GT(shared, 4900U);
}

TEST(Directory, AServerKeepsItsIndexThroughChangesAndReloads)
{
    any_directory keeper;
    server_record server;
    server.id = server_id::random();
    server.name = "eu-1";
    directory_change first;
    first.servers[server.id] = server;
    const auto index = keeper.apply(first)->find_server(server.id)->index;
    EXPECT_NE(index, 0U);
    server.name = "eu-1b";
    first.servers[server.id] = server;
    const auto now = keeper.replace(first);
    EXPECT_EQ(now->find_server(server.id)->index, index);
    EXPECT_EQ(now->server_at(index)->name, "eu-1b");
}

TEST(OneTenantDirectory, HasRoomForOne)
{
    one_tenant_directory keeper{single_tenant{}};
    const auto acme = make_tenant("acme");
    const auto globex = make_tenant("globex");
    keeper.apply(change_of(acme));
    auto second = change_of(globex);
    key_record key;
    key.id = key_id::random();
    key.tenant = globex.id;
    second.keys[key.id] = key;
    const auto now = keeper.apply(std::move(second));
    EXPECT_NE(now->find_tenant(acme.id), nullptr);
    EXPECT_EQ(now->find_tenant(globex.id), nullptr);
    EXPECT_EQ(now->find_key(key.id), nullptr);
}

TEST(CanonicalDomain, IsLowerCaseWithoutPortAndDot)
{
    EXPECT_EQ(to_canonical_domain("Shop.Acme.TEST"), "shop.acme.test");
    EXPECT_EQ(to_canonical_domain("shop.acme.test."), "shop.acme.test");
    EXPECT_EQ(to_canonical_domain("shop.acme.test:5432"), "shop.acme.test");
    EXPECT_EQ(to_canonical_domain("127.0.0.1"), std::nullopt);
    EXPECT_EQ(to_canonical_domain("127.0.0.1:80"), std::nullopt);
    EXPECT_EQ(to_canonical_domain("[::1]:80"), std::nullopt);
    EXPECT_EQ(to_canonical_domain("::1"), std::nullopt);
    EXPECT_EQ(to_canonical_domain("[fe80::1]"), std::nullopt);
    EXPECT_EQ(to_canonical_domain(""), std::nullopt);
}

TEST(CanonicalDomain, AnIllegalNameIsAKeyThatNamesNobody)
{
    EXPECT_EQ(to_canonical_domain(std::string(253, 'a')), std::string(253, 'a'));
    const std::string too_long(254, 'a');
    for (const std::string& name :
         {std::string("a b"),
          std::string("caf\xc3\xa9.test"),
          std::string("[::g]:80"),
          std::string("a:b:c"),
          std::string("."),
          std::string(":80"),
          too_long}) {
        EXPECT_EQ(to_canonical_domain(name), "") << name;
    }
}

TEST(Network, HoldsItsHostsAndNoOthers)
{
    EXPECT_TRUE(network::parse("10.0.0.0/15")->contains(*network::parse("10.1.255.255")));
    EXPECT_FALSE(network::parse("10.0.0.0/15")->contains(*network::parse("10.2.0.0")));
    EXPECT_TRUE(network::parse("2001:db8::/32")->contains(*network::parse("2001:db8:1::9")));
    EXPECT_FALSE(network::parse("2001:db8::/32")->contains(*network::parse("10.0.0.1")));
    EXPECT_TRUE(network::parse("0.0.0.0/0")->contains(*network::parse("192.0.2.7")));
    EXPECT_FALSE(network::parse("10.0.0.0/33"));
    EXPECT_FALSE(network::parse("10.0.0"));
}

}  // namespace
}  // namespace leasehold::router
