#include "installation.hpp"

#include <leasehold/control-plane/fleet_migration.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

struct silent_sink final : migrations::event_sink
{
    void planned(const migrations::chain&, std::int64_t, std::int64_t) override {}
    void
    target_done(const migrations::target&, const migrations::applied&, std::chrono::milliseconds) override
    {}
    void target_failed(const migrations::target&, const std::exception& why, int) override
    {
        ADD_FAILURE() << why.what();
    }
};

// 10,000 current tenants on a server that nobody reaches (RFC 5737), and a broker that is not there: whoever
// asked either would wait, or fail.
TEST(Plan, G17_TenThousandCurrentTenantsNeedNoConnection)
{
    const leasehold::test::installation made;
    made.run("set session_replication_role = replica");
    made.run(
        "insert into public.registry_server (id, name, addresses, connection_budget, state, broker_config) "
        "values "
        "('00000000-0000-4000-8000-000000000001', 'nowhere', '{203.0.113.1:5432}', 100, 'active', 'nowhere')"
    );
    made.run(
        "create temporary table many as select gen_random_uuid() as id, n, "
        "translate(substr(md5(n::text), 1, 10), '01890', 'ghijk') as tid from generate_series(1, 10000) n"
    );
    made.run("insert into public.registry_tenant (id, tid, slug, name, state) "
             "select id, tid, 'many-' || n, 'many', 'active' from many");
    made.run(
        "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
        "select id, 1, '00000000-0000-4000-8000-000000000001', 't_' || tid || '_1', 't_' || tid || '_1', "
        "'current' from many"
    );
    made.run(fmt::format(
        "insert into public.registry_schema_state (chain, tenant_id, version, checksum) select 'tenant', id, "
        "{}, '{}' from many",
        migrations::tenant_chain().version(),
        migrations::tenant_chain().checksum()
    ));
    made.run("analyze");

    auto values = made.config();
    values.vault.url = {"https://203.0.113.1:8200"};
    fleet_migration fleet(values);
    const auto plan = fleet.plan();
    silent_sink events;
    migrations::fleet_settings how;
    how.applied_by = "test";
    const auto result = fleet.run(events, how);
    fleet.close();

    EXPECT_EQ(plan.current, 10000);
    EXPECT_EQ(plan.pending, 0);
    EXPECT_EQ(result.current, 10000);
    EXPECT_EQ(result.migrated + result.failed, 0);

    // The control: one that is behind is asked for, and then the broker is missed.
    made.run("update public.registry_schema_state set checksum = 'old' where tenant_id = (select id from "
             "many where n = 1)");
    fleet_migration again(values);
    EXPECT_EQ(again.plan().pending, 1);
    again.close();
}

}  // namespace
}  // namespace leasehold::control_plane::test
