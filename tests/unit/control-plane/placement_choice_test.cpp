#include "operations/placement_choice.hpp"

#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

namespace leasehold::control_plane::operations {
namespace {

registry::server made(std::string name, std::string region, std::int64_t tenants = 0, std::int64_t most = 100)
{
    registry::server one;
    one.id = server_id::random();
    one.name = std::move(name);
    one.region = std::move(region);
    one.jurisdiction = "eu-law";
    one.state = "active";
    one.tenants = tenants;
    one.max_tenants = most;
    return one;
}

placement_wish in_region(std::string region)
{
    placement_wish wish;
    wish.region = std::move(region);
    return wish;
}

placement_wish under(std::string jurisdiction)
{
    placement_wish wish;
    wish.jurisdiction = std::move(jurisdiction);
    return wish;
}

placement_wish on(const server_id& server)
{
    placement_wish wish;
    wish.server = server;
    return wish;
}

placement_wish of_tier(enum registry::tier tier)
{
    placement_wish wish;
    wish.tier = tier;
    return wish;
}

std::string refusal(const std::vector<registry::server>& all, const placement_wish& wish)
{
    try {
        return "chose " + choose_server(all, wish).name;
    } catch (const error& none) {
        EXPECT_EQ(none.code(), "no_server_fits");
        return none.detail();
    }
}

TEST(PlacementChoice, TakesTheLeastUsedThatFits)
{
    const std::vector all{made("a", "eu", 50), made("b", "eu", 10), made("c", "us", 0)};
    EXPECT_EQ(choose_server(all, in_region("eu")).name, "b");
    EXPECT_EQ(choose_server(all, {}).name, "c");
    // A share, not a count.
    const std::vector sizes{made("small", "eu", 5, 10), made("large", "eu", 100, 1000)};
    EXPECT_EQ(choose_server(sizes, {}).name, "large");
}

TEST(PlacementChoice, TiesGoByName)
{
    const std::vector all{made("b", "eu"), made("a", "eu"), made("c", "eu")};
    EXPECT_EQ(choose_server(all, {}).name, "a");
}

TEST(PlacementChoice, NeverLeavesTheJurisdiction)
{
    const std::vector all{made("a", "eu")};
    EXPECT_EQ(choose_server(all, under("eu-law")).name, "a");
    EXPECT_EQ(refusal(all, under("us-law")), "no server fits: a: jurisdiction eu-law");
}

TEST(PlacementChoice, SaysOfEachServerWhyNot)
{
    std::vector all{made("a", "us"), made("b", "eu", 100, 100), made("c", "eu")};
    all[2].state = "offline";
    EXPECT_EQ(
        refusal(all, in_region("eu")), "no server fits: a: region us; b: 100 of 100 tenants; c: state offline"
    );
    EXPECT_EQ(refusal({}, {}), "no server is registered: run provision-bootstrap");
}

TEST(PlacementChoice, HonoursTheServerAskedFor)
{
    const std::vector all{made("a", "eu", 90), made("b", "eu")};
    EXPECT_EQ(choose_server(all, on(all[0].id)).name, "a");
    EXPECT_EQ(refusal(all, on(server_id::random())).substr(0, 15), "no server fits:");
}

TEST(PlacementChoice, ServesTheTierDatabaseOnly)
{
    const std::vector all{made("a", "eu")};
    EXPECT_EQ(refusal(all, of_tier(registry::tier::schema)), "no server fits: a: tier schema is not served");
}

TEST(PlacementWish, ReadsItsParameters)
{
    const auto id = server_id::random();
    const auto wish =
        wish_of({{"region", "eu"}, {"jurisdiction", "de"}, {"server_id", id.to_string()}, {"tier", "schema"}}
        );
    EXPECT_EQ(wish.region, "eu");
    EXPECT_EQ(wish.jurisdiction, "de");
    EXPECT_EQ(wish.server, id);
    EXPECT_EQ(wish.tier, registry::tier::schema);
    EXPECT_FALSE(wish_of(nlohmann::json::object()).server);
}

}  // namespace
}  // namespace leasehold::control_plane::operations
