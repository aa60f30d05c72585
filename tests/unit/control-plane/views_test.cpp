#include "api/views.hpp"

#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

namespace leasehold::control_plane {
namespace {

const std::string subkey(32, 'k');

bool is_refused(std::string_view cursor, std::string_view list, std::string_view key = subkey)
{
    try {
        (void)parse_cursor(cursor, list, key);
        return false;
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), "cursor_invalid");
        EXPECT_EQ(refused.kind(), error_kind::invalid);
        return true;
    }
}

TEST(Cursor, GivesBackTheId)
{
    const auto id = uuid::random();
    EXPECT_EQ(parse_cursor(to_cursor(id, "tenants", subkey), "tenants", subkey), id);
}

TEST(Cursor, BelongsToItsListAndInstallation)
{
    const auto cursor = to_cursor(uuid::random(), "tenants", subkey);
    EXPECT_FALSE(is_refused(cursor, "tenants"));
    EXPECT_TRUE(is_refused(cursor, "hosts"));
    EXPECT_TRUE(is_refused(cursor, "tenants", std::string(32, 'x')));
}

TEST(Cursor, RefusesEveryChangedCharacter)
{
    const auto cursor = to_cursor(uuid::random(), "tenants", subkey);
    for (std::size_t i = 0; i < cursor.size(); ++i) {
        auto changed = cursor;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_TRUE(is_refused(changed, "tenants")) << i;
    }
    EXPECT_TRUE(is_refused("", "tenants"));
    EXPECT_TRUE(is_refused(cursor.substr(1), "tenants"));
    EXPECT_TRUE(is_refused(cursor + "A", "tenants"));
    EXPECT_TRUE(is_refused("not a cursor!", "tenants"));
}

std::vector<registry::tenant> tenants(std::size_t count)
{
    std::vector<registry::tenant> all(count);
    for (auto& one : all) one.id = tenant_id::random();
    return all;
}

TEST(Page, HasACursorOnlyWhenThereIsMore)
{
    const auto id_of = [](const registry::tenant& one) { return one.id.value(); };
    const auto three = tenants(3);
    const auto whole = to_page<tenant_view>(three, 3, "tenants", subkey, id_of);
    EXPECT_EQ(whole.items.size(), 3U);
    EXPECT_FALSE(whole.next);

    const auto part = to_page<tenant_view>(three, 2, "tenants", subkey, id_of);
    EXPECT_EQ(part.items.size(), 2U);
    ASSERT_TRUE(part.next);
    EXPECT_EQ(parse_cursor(*part.next, "tenants", subkey), three[1].id.value());
}

TEST(TenantView, ShowsNoPlacementWhereThereIsNone)
{
    registry::tenant from;
    from.id = tenant_id::random();
    from.slug = "acme";
    EXPECT_FALSE(to_view(from).placement);
    from.where.emplace();
    from.where->database = "t_x_1";
    ASSERT_TRUE(to_view(from).placement);
    EXPECT_EQ(to_view(from).placement->database, "t_x_1");
}

}  // namespace
}  // namespace leasehold::control_plane
