#include "control_stage.hpp"
#include "servers/template_database.hpp"

#include <leasehold/base/crypto.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

TEST(Sweeper, ADayOfChangesAndTheLastTwoTemplatesAreKept)
{
    control_stage stage;
    const auto a = stage.provision("eu-1");
    const auto b = stage.provision("us-1");
    const auto changes = [&](const std::string& hours) {
        return stage.installation
            .rows("select count(*) from public.registry_change where payload ->> 'planted' = '" + hours + "'")
            .at(0)[0]
            .value();
    };
    for (const auto& at : {a, b}) {
        for (const char* hours : {"25", "23"}) {
            stage.installation.run(fmt::format(
                "insert into public.registry_change (kind, tenant_id, at, payload) values ('tenant', '{0}', "
                "now() - interval '{1} hours', '{{\"planted\": \"{1}\"}}')",
                at.where.tenant.to_string(),
                hours
            ));
        }
    }

    // Two older than the chain's own, on one server.
    const auto maintenance = database::connect(stage.run(stage.access.provisioner(a.server)));
    std::vector<std::string> older;
    for (const int days : {1, 2}) {
        const auto checksum = crypto::to_hex(crypto::random_bytes(32));
        older.push_back(servers::template_name(checksum));
        servers::create_template_database(*maintenance, older.back());
        servers::finish_template(*maintenance, older.back());
        stage.installation.run(fmt::format(
            "insert into public.registry_template (server_id, chain_checksum, database, built_at) "
            "values ('{}', '{}', '{}', now() - interval '{} days')",
            a.server.id.to_string(),
            checksum,
            older.back(),
            days
        ));
    }
    const auto is_there = [&](const std::string& name) {
        return servers::look_at_template(*maintenance, name) == servers::database_state::ready;
    };
    const auto current = servers::template_name(stage.with.tenant_chain.checksum());
    ASSERT_TRUE(is_there(current) && is_there(older[0]) && is_there(older[1]));

    asio::io_context lane(1);  // its timer is not started
    operations::sweeper all(lane, stage.with);
    for (int i = 0; i < 2; ++i) {
        stage.run(all.sweep_all());
        EXPECT_EQ(changes("25"), "0");
        EXPECT_EQ(changes("23"), "2");
        EXPECT_TRUE(is_there(current));
        EXPECT_TRUE(is_there(older[0]));
        EXPECT_FALSE(servers::database_exists(*maintenance, older[1]));
    }
    EXPECT_EQ(
        stage.installation
            .rows("select count(*) from public.registry_template where database like '%" + older[1] + "'")
            .at(0)[0],
        "0"
    );
    servers::drop_superseded_template(*maintenance, older[0]);
}

}  // namespace
}  // namespace leasehold::control_plane::test
