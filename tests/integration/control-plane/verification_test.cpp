#include "control_stage.hpp"
#include "operations/verification.hpp"
#include "servers/placement_rights.hpp"

#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

class Verification : public ::testing::TestWithParam<const char*>
{
protected:
    Verification()
        : a(stage.provision(GetParam()))
        , b(stage.provision(GetParam()))
        , lease_of_b(stage.lease(b, role_class::rw))
    {}

    // The code of what the look throws, "" when it finds all well.
    template <class T>
    std::string look(task<T> work)
    {
        try {
            stage.run(std::move(work));
        } catch (const error& found) {
            return found.code();
        }
        return {};
    }
    std::string prove()
    {
        return look(operations::verify_placement(stage.with, a, vault_client::write_index()));
    }
    std::string prove_closed() { return look(operations::verify_gate_closed(stage.with, a)); }
    std::string prove_open() { return look(operations::verify_gate_open(stage.with, a)); }

    std::int64_t logins_of(const facilities::place& at)
    {
        return number(
            *stage.superuser(at),
            "select count(*) from pg_roles where rolname like 'lease\\_%\\_" +
                tid::of(at.where.tenant).text() + "\\_%'"
        );
    }
    // Nothing at the server, nothing at the broker; the neighbour's lease works.
    void expect_nothing_left(const std::string& after)
    {
        EXPECT_EQ(logins_of(a), 0) << after;
        for (const auto what : {role_class::rw, role_class::ro, role_class::migrate}) {
            const vault_client::broker_role role(servers::broker_role_name(what, a.where));
            EXPECT_TRUE(stage.run(stage.broker->list_leases(role, vault_client::page_start())).items.empty())
                << after << ", " << role.text();
        }
        EXPECT_EQ(logins_of(b), 1) << after;
        EXPECT_EQ(login(stage.endpoint(b, lease_of_b)), "") << after;
    }
    void at_the_gate(void (*act)(database::session&, const registry::placement&))
    {
        stage.run(stage.with.with_maintenance(a.server, [&](database::session& maintenance) {
            act(maintenance, a.where);
        }));
    }

    control_stage stage;
    facilities::place a;
    facilities::place b;
    vault_client::issued lease_of_b;
};
INSTANTIATE_TEST_SUITE_P(Servers, Verification, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(Verification, ALookThatFailsLeavesNoLease)
{
    EXPECT_EQ(prove(), "");
    expect_nothing_left("a proof");
    EXPECT_EQ(prove_open(), "");
    expect_nothing_left("an open gate");
    EXPECT_EQ(prove_closed(), "gate_open");
    expect_nothing_left("a gate that should be closed");

    // The last of the three looks finds another chain.
    const auto inside = stage.superuser(a, a.where.database);
    inside->run_plain("update public.schema_version set checksum = reverse(checksum)");
    EXPECT_EQ(prove(), "placement_unproven");
    expect_nothing_left("a proof with a foreign chain");
    inside->run_plain("update public.schema_version set checksum = reverse(checksum)");
    EXPECT_EQ(prove(), "");

    at_the_gate(&servers::close_gate);
    EXPECT_EQ(prove_closed(), "");
    expect_nothing_left("a closed gate");
    EXPECT_NE(prove_open(), "");
    expect_nothing_left("a gate that should be open");
    at_the_gate(&servers::open_gate);

    // The server lets nobody in: each look throws.
    const auto quoted = inside->quote_identifier(a.where.database);
    const auto root = stage.superuser(a);
    root->run_plain("alter database " + quoted + " allow_connections false");
    for (const auto& code : {prove(), prove_closed(), prove_open()}) EXPECT_NE(code, "");
    expect_nothing_left("a database that is shut");
    root->run_plain("alter database " + quoted + " allow_connections true");
    EXPECT_EQ(prove(), "");
}

}  // namespace
}  // namespace leasehold::control_plane::test
