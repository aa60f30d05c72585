#include "configured.hpp"
#include "test_authority.hpp"

#include <gtest/gtest.h>

namespace leasehold::test {
namespace {

// The router's certificate need not come from the registry's authority: the control plane is told whose it
// is, and believes no other.
TEST(RouterAuthority, IsWhoTheControlPlaneBelievesWhereItReadsTenantData)
{
    const empty_registry registry;
    leasehold::config values;
    values.registry = registry.config();
    configured here(std::move(values));
    const test_authority own(here / "", "another authority");
    here.values.router.tls = own.issue("router", "DNS:localhost,IP:127.0.0.1");
    here.save();
    const auto migrated = here.local({"migrate"});
    ASSERT_EQ(migrated.exit_code, 0) << migrated.err;
    const auto verify = [&] { return here.call({"tenant", "verify", "default"}); };
    {
        const auto serving = here.serve();
        const auto refused = verify();
        EXPECT_NE(refused.exit_code, 0) << refused.out;
    }
    here.values.control_plane.router_ca_file = own.ca_file();
    here.save();
    const auto serving = here.serve();
    const auto verified = verify();
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err << serving->err();
}

}  // namespace
}  // namespace leasehold::test
