#include <leasehold/vault-client/names.hpp>

#include <gtest/gtest.h>

namespace leasehold::vault_client {
namespace {

TEST(PathSegment, TakesItsCharactersOnly)
{
    EXPECT_TRUE(broker_role::parse("rw_abc-1"));
    for (const char* bad : {"", ".", "..", "a/b", "a*", "A", "a b", "a.b", "a%2f", "a\n", "é"}) {
        EXPECT_FALSE(broker_role::parse(bad)) << bad;
        EXPECT_THROW(broker_role{bad}, leasehold::error) << bad;
    }
    EXPECT_TRUE(broker_role::parse(std::string(36, 'a')));
    EXPECT_FALSE(broker_role::parse(std::string(37, 'a')));
}

TEST(BrokerRole, BeginsWithItsClassAndFitsALoginsName)
{
    const auto tenant = tid::of(tenant_id::random());
    EXPECT_EQ(role_of(role_class::rw, tenant, 3).text(), "rw_" + tenant.text() + "_3");
    EXPECT_EQ(role_of(role_class::migrate, tenant, 12).text(), "migrate_" + tenant.text() + "_12");
    const auto longest = support_role_of(tenant, 99999999, "0a1b2c3d");
    EXPECT_LE(longest.text().size(), 36U);
    EXPECT_LE(username_prefix(longest).size() + 20, 63U);
    EXPECT_EQ(username_prefix(role_of(role_class::ro, tenant, 1)), "lease_ro_" + tenant.text() + "_1_");
}

TEST(KvPath, IsMadeOfSegments)
{
    EXPECT_EQ(kv_path("leasehold/servers/eu-1").text(), "leasehold/servers/eu-1");
    for (const char* bad : {"", "/", "/a", "a/", "a//b", "a/../b", "a/*", "a/B", "a/b/c/d/e/f/g/h/i"}) {
        EXPECT_THROW(kv_path{bad}, leasehold::error) << bad;
    }
}

TEST(LeaseId, IsOpaqueAndPrintsAFingerprint)
{
    const lease_id id("database/creds/rw_x/Zb1c.ns1");
    EXPECT_EQ(id.fingerprint().size(), 8U);
    EXPECT_NE(id.fingerprint(), lease_id("database/creds/rw_x/Zb1c.ns2").fingerprint());
    EXPECT_FALSE(lease_id::parse(""));
    EXPECT_FALSE(lease_id::parse("a b"));
    EXPECT_FALSE(lease_id::parse(std::string(513, 'a')));
}

}  // namespace
}  // namespace leasehold::vault_client
