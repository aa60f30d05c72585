// `leasehold migrate` with nothing to do.
#include "configured.hpp"
#include "installation.hpp"
#include "occupied_port.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/migrations/chain.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

namespace leasehold::test {
namespace {

// Half of the tenants are on a server whose address leads nowhere, half on one that would notice a visitor.
// The broker would notice one too.
TEST(NoOp, G17_TenThousandCurrentTenantsCostNoConnection)
{
    const empty_registry registry;
    const occupied_port server;
    const occupied_port broker;
    auto values = installation_config(registry.config(), registry.folder());
    values.vault.url = {fmt::format("https://127.0.0.1:{}", broker.port())};
    store_file(registry.folder() / "token", "not-asked-for\n");
    values.vault.auth.provisioner.method = "token";
    values.vault.auth.provisioner.token_file = registry.folder() / "token";
    const configured here(std::move(values));
    ASSERT_EQ(here.local({"migrate"}).exit_code, 0);

    const auto session = database::connect(registry.as_superuser());
    session->run_plain("set session_replication_role = replica");  // the change feed is not what is looked at
    session->run_plain(fmt::format(
        "insert into public.registry_server (name, addresses, connection_budget, state, broker_config) "
        "values "
        "('far', array['192.0.2.1:5432'], 50, 'active', 'far'), ('near', array['127.0.0.1:{}'], 50, "
        "'active', 'near')",
        server.port()
    ));
    session->run_plain("insert into public.registry_tenant (tid, slug, name) select translate(lpad(i::text, "
                       "10, '0'), '0189', 'abcd'), "
                       "'t' || i, 't' || i from generate_series(1, 10000) i");
    session->run_plain(
        "insert into public.registry_placement (tenant_id, generation, server_id, name, database, state) "
        "select t.id, 1, s.id, 't_' || t.tid || '_1', 't_' || t.tid || '_1', 'current' from "
        "public.registry_tenant t "
        "join public.registry_server s on (s.name = 'far') = (right(t.slug, 1) in ('0', '2', '4', '6', '8'))"
    );
    session->run_plain("update public.registry_tenant set state = 'active'");
    session->run_plain(fmt::format(
        "insert into public.registry_schema_state (chain, tenant_id, version, checksum) "
        "select 'tenant', id, {}, '{}' from public.registry_tenant",
        migrations::tenant_chain().version(),
        migrations::tenant_chain().checksum()
    ));

    const auto begun = std::chrono::steady_clock::now();
    const auto idle = here.local({"migrate"});
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_EQ(idle.exit_code, 0) << idle.err;
    EXPECT_NE(idle.out.find("current (10000)"), std::string::npos) << idle.out;
    EXPECT_EQ(server.visitors() + broker.visitors(), 0);
    // The promise is a second of an idle machine; bench/ measures it.
    EXPECT_LT(took, std::chrono::seconds(10));
    std::cout << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";

    // One tenant that is behind, and it does ask.
    session->run_plain("update public.registry_schema_state set checksum = repeat('0', 64) where tenant_id = "
                       "(select id from public.registry_tenant where slug = 't1')");
    EXPECT_NE(here.local({"migrate"}).exit_code, 0);
    EXPECT_GT(broker.visitors(), 0);
}

}  // namespace
}  // namespace leasehold::test
