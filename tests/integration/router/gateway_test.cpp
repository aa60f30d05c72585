#include "router_stage.hpp"

#include <leasehold/router/agents/ports.hpp>

#include <gtest/gtest.h>

#include <future>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using leasehold::test::eventually;

std::vector<agents::statement> statements(std::initializer_list<const char*> texts)
{
    std::vector<agents::statement> all;
    for (const auto* text : texts) all.emplace_back(text);
    return all;
}

TEST(RouterGateway, StatementsOfOneCallCommitTogether)
{
    router_stage s;
    s.start();
    auto& ports = s.running->gateway();
    std::vector<agents::statement> two;
    two.emplace_back(
        "insert into notes (text) values ($1), ($2)",
        std::vector<std::optional<std::string>>{"a", std::nullopt}
    );
    two.emplace_back("select text from notes order by id");
    const auto results = on_lane(ports, ports.sessions().run(s.acme.id, role_class::rw, two));
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].affected, 2U);
    ASSERT_EQ(results[1].rows.size(), 3U);
    EXPECT_EQ(results[1].columns.at(0), "text");
    EXPECT_EQ(results[1].rows[0][0], "acme");
    EXPECT_EQ(results[1].rows[1][0], "a");
    EXPECT_EQ(results[1].rows[2][0], std::nullopt);

    const auto count = [&](const test_tenant& of) {
        return on_lane(
                   ports,
                   ports.sessions().run(of.id, role_class::rw, statements({"select count(*) from notes"}))
        )
            .at(0)
            .rows.at(0)
            .at(0)
            .value();
    };
    try {
        on_lane(
            ports,
            ports.sessions().run(
                s.acme.id,
                role_class::rw,
                statements({"insert into notes (text) values ('x')", "insert into notes (id) values (1)"})
            )
        );
        ADD_FAILURE() << "a duplicate key went through";
    } catch (const agents::sql_refused& refused) {
        EXPECT_EQ(refused.sqlstate(), "23505");
        EXPECT_EQ(refused.kind(), error_kind::conflict);
    }
    EXPECT_EQ(count(s.acme), "3");  // nothing of it
    EXPECT_EQ(count(s.globex), "1");
}

TEST(RouterGateway, TellsTheDirectoryAndRefusesASuspendedTenant)
{
    router_stage s;
    s.start();
    auto& ports = s.running->gateway();
    const auto look = [&](const tenant_id& id) {
        auto work = [](agents::gateway_ports& with,
                       tenant_id of) -> task<std::optional<agents::tenant_facts>> {
            co_return with.lookup().find_tenant(of);
        }(ports, id);
        return on_lane(ports, std::move(work));
    };
    EXPECT_EQ(look(s.acme.id)->state, "active");
    EXPECT_FALSE(look(tenant_id::random()).has_value());
    s.set_state(s.acme, "suspended");
    s.wait_applied();
    try {
        on_lane(ports, ports.sessions().run(s.acme.id, role_class::rw, statements({"select 1"})));
        ADD_FAILURE() << "a suspended tenant was served";
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), "tenant_suspended");
    }
    EXPECT_EQ(
        on_lane(ports, ports.sessions().run(s.globex.id, role_class::rw, statements({"select 1"}))).size(), 1U
    );
}

}  // namespace
}  // namespace leasehold::router::test
