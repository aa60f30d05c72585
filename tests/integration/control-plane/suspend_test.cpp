#include "control_stage.hpp"

#include <leasehold/base/crypto.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace leasehold::control_plane::test {
namespace {

class Tenant : public ::testing::TestWithParam<const char*>
{
protected:
    Tenant() : a(stage.provision(GetParam())), b(stage.provision(GetParam())) {}

    std::string state_of(const facilities::place& at)
    {
        return stage.run(stage.tenants.get(at.where.tenant)).state;
    }

    control_stage stage;
    facilities::place a;
    facilities::place b;
};
INSTANTIATE_TEST_SUITE_P(Servers, Tenant, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

// A client that asks all the time until it is cut.
class busy_client
{
public:
    explicit busy_client(database::endpoint where)
        : session_(database::connect(where))
        , thread_([this] {
            try {
                for (;;) {
                    session_->run_plain_rows("select pg_sleep(0.01)");
                    ++answers;
                }
            } catch (const error&) {
                cut = true;
            }
        })
    {}
    ~busy_client() { thread_.join(); }
    std::atomic<int> answers = 0;
    std::atomic<bool> cut = false;

private:
    std::unique_ptr<database::session> session_;
    std::thread thread_;
};

TEST_P(Tenant, P8_ASuspendedTenantIsCutAndServedAgainAfterResume)
{
    const auto lease = stage.lease(a, role_class::rw);
    const auto neighbour_lease = stage.lease(b, role_class::rw);
    const auto neighbour = stage.connect(b, neighbour_lease);
    {
        busy_client client(stage.endpoint(a, lease));
        while (client.answers == 0) std::this_thread::yield();
        stage.succeed(stage.start("suspend", a.where.tenant));
        EXPECT_TRUE(client.cut);
    }
    EXPECT_EQ(state_of(a), "suspended");
    const auto root = stage.superuser(a);
    EXPECT_EQ(
        number(*root, "select count(*) from pg_stat_activity where datname = '" + a.where.database + "'"), 0
    );
    EXPECT_NE(login(stage.endpoint(a, lease)), "");  // its lease was revoked
    const auto fresh = stage.lease(a, role_class::rw);
    EXPECT_EQ(login(stage.endpoint(a, fresh)), "42501");  // and a fresh one finds the gate closed
    const auto reader = stage.lease(a, role_class::ro);
    EXPECT_EQ(login(stage.endpoint(a, reader)), "42501");
    const auto migrate = stage.lease(a, role_class::migrate);
    EXPECT_EQ(login(stage.endpoint(a, migrate)), "");  // migrations go on
    // The neighbour noticed nothing.
    EXPECT_EQ(attempt(*neighbour, "select * from public.hosts"), "");

    stage.succeed(stage.start("resume", a.where.tenant));
    EXPECT_EQ(state_of(a), "active");
    EXPECT_EQ(login(stage.endpoint(a, fresh)), "");
    const auto again = stage.lease(a, role_class::rw);
    EXPECT_EQ(attempt(*stage.connect(a, again), "select * from public.hosts"), "");
}

// A router that has registered, and says how far it is when the test wants it.
class held_router
{
public:
    explicit held_router(const leasehold::test::installation& in, std::int64_t applied) : in_(in)
    {
        in_.run("select public.registry_router_register(" + id_ + ", 'router', 'held', '', '{}', 1, '', '')");
        acknowledge(applied);
    }
    ~held_router() { in_.run("select public.registry_router_deregister(" + id_ + ")"); }
    held_router(const held_router&) = delete;
    held_router& operator=(const held_router&) = delete;
    void acknowledge(std::int64_t applied) const
    {
        in_.run("select public.registry_router_ack(" + id_ + ", " + std::to_string(applied) + ", '{}')");
    }

private:
    const leasehold::test::installation& in_;
    std::string id_ = "'" + router_id::time_ordered().to_string() + "'";
};

// The process was killed after the change and before the step was done.
TEST_P(Tenant, P8_ARepeatedStepWaitsForTheRoutersAsTheFirstDid)
{
    const auto newest_of = [&](const facilities::place& at) {
        const auto rows = stage.installation.rows(
            "select max(id) from public.registry_change where tenant_id = '" + at.where.tenant.to_string() +
            "'"
        );
        return std::stoll(rows.at(0)[0].value());
    };
    stage.installation.run(fmt::format(
        "select public.registry_tenant_transition('{}', array['active'], 'suspended', 'the killed one', "
        "'tenant.suspend', null, null, '{{}}')",
        a.where.tenant.to_string()
    ));
    const auto wanted = newest_of(a);
    const held_router router(stage.installation, wanted - 1);

    const auto suspended = stage.start("suspend", a.where.tenant);
    EXPECT_EQ(stage.waits_for(suspended), "routers");
    EXPECT_EQ(attempt(*stage.connect(a, stage.lease(a, role_class::rw)), "select 1"), "");  // no gate as yet
    router.acknowledge(wanted);
    const auto ended = stage.succeed(suspended);
    EXPECT_EQ(ended.steps.at(1).output.at("change"), wanted);

    // Each call of a step, twice: the second changes nothing and names the same change.
    const auto who = registry::principal::system("test");
    const std::vector<std::string> from{"suspended"};
    for (int i = 0; i < 2; ++i) {
        const auto moved =
            stage.run(stage.tenants.transition(who, a.where.tenant, from, "active", "tenant.resume"));
        EXPECT_EQ(moved.change, newest_of(a));
    }
    const auto published = stage.run(stage.tenants.publish(who, a.where.tenant, a.where.generation));
    EXPECT_EQ(published.change, newest_of(a));
    stage.installation.run(fmt::format(
        "insert into public.registry_domain (domain, tenant_id) values ('held.example', '{}')",
        a.where.tenant.to_string()
    ));
    for (const int domains : {1, 0}) {
        const auto removed = stage.run(stage.tenants.remove_routes(who, a.where.tenant));
        EXPECT_EQ(removed.at("domains"), domains);
        EXPECT_EQ(removed.at("change"), newest_of(a));
    }
    EXPECT_GT(newest_of(a), newest_of(b));  // and none of them is the neighbour's
}

TEST_P(Tenant, DeletionLeavesNothingAnywhere)
{
    const auto tid_text = tid::of(a.where.tenant).text();
    const auto lease = stage.lease(a, role_class::rw);
    const auto session = stage.connect(a, lease);
    // B does what it can to keep A's roles: grants to A's data role and to A's lease, on its own objects.
    const auto owner_of_b = stage.lease(b, role_class::migrate);
    ASSERT_EQ(
        commit(
            *stage.connect(b, owner_of_b),
            fmt::format(
                "create table public.mine (); grant select on public.mine to \"{0}_rw\", \"{0}_rw_login\", "
                "\"{1}\";"
                "alter default privileges grant select on tables to \"{0}_ro\", \"{1}\"",
                a.where.name,
                lease.username
            )
        ),
        ""
    );
    stage.installation.run(fmt::format(
        "insert into public.registry_domain (domain, tenant_id) values ('gone.example', '{}')",
        a.where.tenant.to_string()
    ));

    const auto ended = stage.succeed(stage.start("delete", a.where.tenant));
    EXPECT_EQ(ended.steps.size(), 11U);
    EXPECT_NE(attempt(*session, "select 1"), "");

    const auto root = stage.superuser(a);
    EXPECT_EQ(number(*root, "select count(*) from pg_roles where rolname like '%" + tid_text + "%'"), 0);
    EXPECT_EQ(number(*root, "select count(*) from pg_database where datname like '%" + tid_text + "%'"), 0);
    for (const auto what : {role_class::rw, role_class::ro, role_class::migrate}) {
        const vault_client::broker_role role(servers::broker_role_name(what, a.where));
        EXPECT_FALSE(stage.run(stage.broker->get_role(role))) << role.text();
        EXPECT_TRUE(stage.run(stage.broker->list_leases(role, vault_client::page_start())).items.empty())
            << role.text();
    }
    const auto rows = [&](const std::string& table) {
        return stage.installation
            .rows(fmt::format(
                "select count(*) from public.registry_{} where tenant_id = '{}'",
                table,
                a.where.tenant.to_string()
            ))
            .at(0)[0]
            .value();
    };
    for (const char* table : {"placement", "domain", "schema_state", "api_key", "enrollment_token", "host"}) {
        EXPECT_EQ(rows(table), "0") << table;
    }
    // The tombstone stays, and the audit.
    EXPECT_EQ(state_of(a), "deleted");
    EXPECT_NE(rows("audit_event"), "0");
    EXPECT_FALSE(stage.run(stage.facts.verify_audit()));

    // The neighbour is as it was.
    EXPECT_EQ(state_of(b), "active");
    const auto of_b = stage.lease(b, role_class::rw);
    EXPECT_EQ(attempt(*stage.connect(b, of_b), "select * from public.mine"), "");
    EXPECT_TRUE(stage.run(
        stage.broker->get_role(vault_client::broker_role(servers::broker_role_name(role_class::rw, b.where)))
    ));
}

}  // namespace
}  // namespace leasehold::control_plane::test
