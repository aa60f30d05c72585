#include "relay/slot_table.hpp"

#include <gtest/gtest.h>

namespace leasehold::router::relay {
namespace {

// What was refused; "" for a slot, which goes into `taken`.
std::string_view take(slot_table& from, std::optional<client_share> within, std::vector<session_slot>& taken)
{
    auto reserved = from.reserve(within);
    if (const auto* why = std::get_if<refusal>(&reserved)) return why->code;
    taken.push_back(std::move(std::get<session_slot>(reserved)));
    return {};
}

TEST(SlotTable, KeepsTheLimitOfTheLaneAndOfEachTenant)
{
    const auto table = std::make_shared<slot_table>(std::uint8_t{1}, std::uint8_t{0}, 5U);
    const client_share acme{tenant_id::random(), 2};
    const client_share globex{tenant_id::random(), 0};
    std::vector<session_slot> of_acme;
    std::vector<session_slot> others;
    EXPECT_EQ(take(*table, acme, of_acme), "");
    EXPECT_EQ(take(*table, acme, of_acme), "");
    EXPECT_EQ(take(*table, acme, of_acme), "tenant_client_limit");
    EXPECT_EQ(take(*table, std::nullopt, others), "");  // the platform's sessions are no tenant's
    EXPECT_EQ(take(*table, globex, others), "");
    EXPECT_EQ(take(*table, globex, others), "");
    EXPECT_EQ(table->in_use(), 5U);
    EXPECT_EQ(take(*table, globex, others), "client_limit");
    others.clear();
    EXPECT_EQ(take(*table, acme, of_acme), "tenant_client_limit");

    const auto given_back = of_acme.back().number();
    auto moved = std::move(of_acme.back());
    of_acme.pop_back();
    EXPECT_EQ(take(*table, acme, of_acme), "tenant_client_limit");  // it only moved
    moved = session_slot();
    EXPECT_EQ(take(*table, acme, of_acme), "");
    EXPECT_EQ(of_acme.back().number(), given_back);
    EXPECT_EQ(take(*table, acme, of_acme), "tenant_client_limit");
}

TEST(SlotTable, ItsLimitMayChangeWhileSlotsAreInUse)
{
    const auto table = std::make_shared<slot_table>(std::uint8_t{1}, std::uint8_t{0}, 2U);
    std::vector<session_slot> taken;
    EXPECT_EQ(take(*table, std::nullopt, taken), "");
    EXPECT_EQ(take(*table, std::nullopt, taken), "");
    EXPECT_EQ(take(*table, std::nullopt, taken), "client_limit");
    table->set_capacity(3);
    EXPECT_EQ(take(*table, std::nullopt, taken), "");
    EXPECT_EQ(take(*table, std::nullopt, taken), "client_limit");
    table->set_capacity(2);
    EXPECT_EQ(table->in_use(), 3U);
    taken.pop_back();
    EXPECT_EQ(take(*table, std::nullopt, taken), "client_limit");  // two are in use still
    taken.pop_back();
    EXPECT_EQ(take(*table, std::nullopt, taken), "");
}

}  // namespace
}  // namespace leasehold::router::relay
