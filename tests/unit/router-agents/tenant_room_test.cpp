#include "tenant_room.hpp"

#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace leasehold::router::agents {
namespace {

std::string code_of_enter(tenant_room& room, const tenant_id& tenant, std::size_t bytes)
{
    try {
        room.enter(tenant, bytes);
    } catch (const error& why) {
        return why.code();
    }
    return "";
}

TEST(TenantRoom, HoldsSoManyRequestsOfOneTenantAndNoMore)
{
    tenant_room room;
    const auto acme = tenant_id::random();
    const auto globex = tenant_id::random();
    std::vector<std::shared_ptr<const void>> places;
    for (std::size_t i = 0; i < tenant_room::most_requests; ++i) places.push_back(room.enter(acme, 1));
    EXPECT_EQ(code_of_enter(room, acme, 0), "gateway_busy");
    EXPECT_EQ(code_of_enter(room, globex, 0), "");
    places.pop_back();
    EXPECT_EQ(code_of_enter(room, acme, 0), "");
}

TEST(TenantRoom, HoldsSoManyBytesOfOneTenantAndNoMore)
{
    tenant_room room;
    const auto acme = tenant_id::random();
    auto first = room.enter(acme, tenant_room::most_bytes - 10);
    EXPECT_EQ(code_of_enter(room, acme, 11), "gateway_busy");
    EXPECT_EQ(code_of_enter(room, acme, 10), "");
    first.reset();
    // A single one is as large as its route allows.
    const auto large = room.enter(acme, tenant_room::most_bytes + 1);
    EXPECT_EQ(code_of_enter(room, acme, 1), "gateway_busy");
}

TEST(TenantRoom, IsLeftAlsoAfterItsOwnerIsGone)
{
    std::shared_ptr<const void> place;
    {
        tenant_room room;
        place = room.enter(tenant_id::random(), 1);
    }
    EXPECT_NO_THROW(place.reset());
}

}  // namespace
}  // namespace leasehold::router::agents
