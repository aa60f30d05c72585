#include "control_stage.hpp"
#include "servers/catalog.hpp"

#include <leasehold/base/crypto.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

namespace leasehold::control_plane::test {
namespace {

class Provision : public ::testing::TestWithParam<const char*>
{
protected:
    control_stage stage;
};
INSTANTIATE_TEST_SUITE_P(Servers, Provision, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(Provision, MakesATenantStepByStep)
{
    const auto neighbour = stage.provision(GetParam());
    const auto made = stage.ask("acme", GetParam());
    const auto ended = stage.succeed(made.operation);
    std::vector<std::string> steps;
    for (const auto& one : ended.steps) {
        steps.push_back(one.name);
        EXPECT_EQ(one.state, "done") << one.name;
        EXPECT_EQ(one.attempts, 1) << one.name;
        EXPECT_TRUE(one.started_at) << one.name;
    }
    EXPECT_EQ(
        steps,
        (std::vector<std::string>{
            "reserve", "create_database", "grant_rights", "broker_roles", "schema", "verify", "publish"})
    );

    const auto tenant = stage.run(stage.tenants.get(made.tenant));
    EXPECT_EQ(tenant.state, "active");
    ASSERT_TRUE(tenant.where);
    EXPECT_EQ(tenant.where->state, "current");
    EXPECT_EQ(tenant.where->name, "t_" + tenant.tid + "_1");

    const auto at = stage.run(stage.with.current_place(made.tenant));
    EXPECT_EQ(at.server.name, GetParam());
    const auto root = stage.superuser(at);
    EXPECT_EQ(
        root->run_plain_rows(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = '" +
                at.where.database + "'"
        )
            .at(0)[0],
        at.marker
    );
    // The neighbour's carries its own.
    EXPECT_NE(neighbour.marker, at.marker);
    EXPECT_EQ(servers::marker_on(*root, neighbour.where.database), neighbour.marker);
    // The leases of `verify` are gone, and no login of the tenant is left.
    EXPECT_EQ(
        number(
            *root, "select count(*) from pg_roles where rolname like 'lease\\_%\\_" + tenant.tid + "\\_%'"
        ),
        0
    );
}

TEST_P(Provision, AKeptConnectionServesAgainUntilItHasEnded)
{
    const auto at = stage.provision(GetParam());
    const auto backend = [&] {
        const auto pid_of = [](database::session& maintenance) { return maintenance.backend_pid(); };
        return stage.run(stage.with.with_maintenance(at.server, pid_of));
    };
    const int kept = backend();
    EXPECT_EQ(backend(), kept);
    stage.superuser(at)->run_plain_rows(fmt::format("select pg_terminate_backend({}, 5000)", kept));
    const int fresh = backend();
    EXPECT_NE(fresh, kept);
    EXPECT_EQ(backend(), fresh);
    stage.with.forget_maintenance();
    EXPECT_NE(backend(), fresh);
}

// P6: what PUBLIC may do with any database of the server, looked at as often as possible while a tenant's is
// made beside another's.
TEST_P(Provision, P6_PublicMayNeverConnectWhileATenantIsMade)
{
    const auto neighbour = stage.provision(GetParam());
    const auto made = stage.ask("acme", GetParam());
    const auto own_name = "t_" + tid::of(made.tenant).text() + "_1";
    std::atomic<bool> done = false;
    std::atomic<int> looks = 0;
    std::atomic<int> seen_closed = 0;
    std::atomic<int> seen_neighbour = 0;
    std::set<std::string> open_to_public;  // the thread's, until it is joined
    std::thread poll([&] {
        const auto root =
            database::connect(leasehold::test::the_stack().server(GetParam()).superuser_endpoint());
        const auto look =
            "select d.datname::text as name, d.datallowconn, count(*) filter (where a.grantee = 0) as n "
            "from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a "
            "group by d.datname, d.datallowconn";
        while (!done) {
            for (const auto& row : root->run_plain_rows(look)) {
                const bool allows = row.get<bool>("datallowconn");
                const auto name = row.get<std::string>("name");
                if (name == own_name && !allows) ++seen_closed;
                if (name == neighbour.where.database) ++seen_neighbour;
                if (allows && row.get<int>("n") > 0) open_to_public.insert(name);
            }
            ++looks;
        }
    });
    try {
        stage.succeed(made.operation);
    } catch (...) {
        done = true;
        poll.join();
        throw;
    }
    done = true;
    poll.join();
    EXPECT_GT(looks, 20);
    EXPECT_GT(seen_closed, 0);
    EXPECT_GT(seen_neighbour, 0);
    EXPECT_EQ(open_to_public, std::set<std::string>());
}

TEST_P(Provision, P6_TheProvisionerReadsNoTenantRow)
{
    const auto a = stage.provision(GetParam());
    const auto b = stage.provision(GetParam());
    for (const auto* at : {&a, &b}) {
        // What must not be read is there.
        const auto own = stage.lease(*at, role_class::rw);
        const auto writer = stage.connect(*at, own);
        ASSERT_EQ(commit(*writer, "insert into public.tags (name) values ('x')"), "");
        ASSERT_EQ(number(*writer, "select count(*) from public.tags where name = 'x'"), 1);

        const auto inside =
            database::connect(stage.run(stage.access.provisioner(at->server, at->where.database)));
        for (const char* sql :
             {"select * from public.tags",
              "select * from public.hosts",
              "insert into public.tags (name) values ('y')",
              "select * from public.schema_version"}) {
            EXPECT_EQ(attempt(*inside, sql), "42501") << sql;
        }
        // On 15 whoever has CREATEROLE can grant itself any role: accepted there by name
        // (createrole_is_superuser). Without that act it is a member of nothing on both.
        for (const auto* of : {&a, &b}) {
            for (const auto& role : servers::role_names(of->where.name).all())
                EXPECT_EQ(attempt(*inside, "set local role \"" + role + "\""), "42501") << role;
        }
    }
}

TEST_P(Provision, P6_ATenantsOwnerDoesNotOwnItsDatabase)
{
    const auto at = stage.provision(GetParam());
    const auto neighbour = stage.provision(GetParam());
    const auto lease = stage.lease(at, role_class::migrate);
    const auto owner = stage.connect(at, lease);
    const auto elsewhere = stage.superuser(at);
    const auto acts_on = [&](const std::string& database) {
        const auto quoted = owner->quote_identifier(database);
        return std::vector<std::string>{
            "comment on database " + quoted + " is 'mine'",
            "alter database " + quoted + " connection limit 1000",
            "alter database " + quoted + " set work_mem = '1GB'"};
    };
    for (const auto& database : {at.where.database, neighbour.where.database}) {
        const auto quoted = owner->quote_identifier(database);
        auto acts = acts_on(database);
        acts.push_back("alter database " + quoted + " rename to mine");
        acts.push_back("alter database " + quoted + " allow_connections false");
        for (const auto& sql : acts) EXPECT_EQ(attempt(*owner, sql), "42501") << sql;
        try {
            owner->run_plain("drop database " + quoted);
            ADD_FAILURE() << "dropped";
        } catch (const database::sql_error& refused) {
            EXPECT_EQ(refused.sqlstate(), "42501");
        }
        EXPECT_EQ(
            number(
                *elsewhere,
                "select count(*) from pg_database where datname = '" + database + "' and datallowconn"
            ),
            1
        );
        // Its owner may do what the tenant may not.
        const auto provisioner = database::connect(stage.run(stage.access.provisioner(at.server)));
        for (const auto& sql : acts_on(database)) EXPECT_EQ(attempt(*provisioner, sql), "") << sql;
    }
    // What is inside is its own.
    EXPECT_EQ(
        attempt(
            *owner,
            "create table public.mine (); comment on table public.mine is 'mine'; drop table public.mine"
        ),
        ""
    );
}

TEST(Provisioning, P3_AHundredAtOnceClashNowhere)
{
    constexpr int count = 100;
    // Two control planes that can take up all of them, and begin when all have been asked for.
    control_stage stage(2, count / 2, control_stage::begin::when_told);
    std::vector<control_stage::asked> all;
    std::map<std::string, std::set<std::string>> wanted;  // server -> tids
    std::string tids;
    for (int i = 0; i < count; ++i) {
        const std::string server = i % 2 == 0 ? "eu-1" : "us-1";
        all.push_back(stage.ask("many-" + std::to_string(i), server));
        const auto text = tid::of(all.back().tenant).text();
        wanted[server].insert(text);
        tids += (tids.empty() ? "" : "|") + text;
    }

    stage.start_runners();
    std::set<std::string> owners;
    std::size_t at_once = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(100);
    for (bool all_ended = false; !all_ended && std::chrono::steady_clock::now() < until;) {
        const auto open = stage.installation.rows("select o.state, o.owner from public.registry_operation o "
                                                  "where o.finished_at is null");
        std::size_t in_work = 0;
        for (const auto& row : open) {
            if (row[0] != "running") continue;
            ++in_work;
            owners.insert(row[1].value());
        }
        at_once = std::max(at_once, in_work);
        all_ended = open.empty();
        stage.run(sleep_for(std::chrono::milliseconds(20)));
    }
    EXPECT_GT(at_once, count / 2U);
    EXPECT_EQ(owners, (std::set<std::string>{"runner-0", "runner-1"}));

    std::set<std::string> databases;
    for (const auto& one : all) {
        const auto ended = stage.succeed(one.operation);
        for (const auto& step : ended.steps) EXPECT_EQ(step.error, nlohmann::json()) << step.name;
        databases.insert(stage.run(stage.with.current_place(one.tenant)).where.database);
    }
    EXPECT_EQ(databases.size(), all.size());
    EXPECT_EQ(stage.run(stage.tenants.count()), count);
    // One database each, on its own server alone.
    for (const auto& [server, own] : wanted) {
        const auto root = database::connect(leasehold::test::the_stack().server(server).superuser_endpoint());
        std::multiset<std::string> found;
        for (const auto& row : root->run_plain_rows(
                 "select split_part(datname, '_', 2) from pg_database where datname ~ '^t_(" + tids + ")_'"
             ))
            found.insert(row[0].value());
        EXPECT_EQ(found, std::multiset<std::string>(own.begin(), own.end())) << server;
    }
}

TEST(Provisioning, P3_OfTwoProvisionersOneWinsAndTheOtherSeesIt)
{
    control_stage stage(0);
    const auto made = stage.ask("acme", "eu-1");
    const auto first = stage.run(stage.operations.claim("one", std::chrono::seconds(30)));
    const auto second = stage.run(stage.operations.claim("two", std::chrono::seconds(30)));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, made.operation);
    EXPECT_FALSE(second);

    // A second operation on the same tenant is refused and names the first.
    try {
        stage.start("suspend", made.tenant);
        ADD_FAILURE();
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), "operation_in_progress");
        EXPECT_NE(refused.detail().find(made.operation.to_string()), std::string::npos);
    }

    // The first stalls past its hold: the other takes over, and the late write changes nothing.
    stage.installation.run("update public.registry_operation set lease_until = now() - interval '1 second'");
    const auto taken = stage.run(stage.operations.claim("two", std::chrono::seconds(30)));
    ASSERT_TRUE(taken);
    EXPECT_GT(taken->fence, first->fence);
    stage.run(stage.operations.plan_steps(taken->id, taken->fence, {"reserve"}));
    try {
        stage.run(stage.operations.step_done(first->id, first->fence, "reserve", nlohmann::json::object()));
        ADD_FAILURE();
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), "operation_lost");
    }
    EXPECT_FALSE(stage.run(stage.operations.hold(first->id, first->fence, std::chrono::seconds(30))));
    EXPECT_TRUE(stage.run(stage.operations.hold(taken->id, taken->fence, std::chrono::seconds(30))));
    stage.run(stage.operations.step_done(taken->id, taken->fence, "reserve", nlohmann::json::object()));
}

// P4: a database of the wanted name is there already.
TEST_P(Provision, P4_AForeignDatabaseOfTheNameStopsTheCreate)
{
    // The name is known before the database is made, since it derives from the id.
    registry::new_tenant what;
    what.id = tenant_id::time_ordered();
    what.slug = "acme";
    what.name = "acme";
    const auto name = "t_" + tid::of(what.id).text() + "_1";
    const auto root = database::connect(leasehold::test::the_stack().server(GetParam()).superuser_endpoint());
    root->run_plain("create database " + name + " allow_connections false");
    nlohmann::json parameters = nlohmann::json::object();
    for (const auto& one : stage.run(stage.servers.list())) {
        if (one.name == GetParam()) parameters["server_id"] = one.id.to_string();
    }
    const auto id =
        stage.run(stage.tenants.create(registry::principal::system("test"), what, parameters, std::nullopt));
    const auto ended = stage.finish(id);
    EXPECT_EQ(ended.state, "failed");
    EXPECT_EQ(ended.error.value("code", ""), "name_taken");
    EXPECT_EQ(ended.error.value("step", ""), "create_database");
    EXPECT_EQ(stage.run(stage.tenants.get(what.id)).state, "failed");
    // It is as it was.
    EXPECT_EQ(
        number(
            *root,
            "select count(*) from pg_database where datname = '" + name +
                "' and pg_get_userbyid(datdba) = current_user"
        ),
        1
    );

    // Out of the way, the retry makes it.
    root->run_plain("drop database " + name);
    stage.run(stage.operations.retry(registry::principal::system("test"), id));
    stage.succeed(id);
    EXPECT_EQ(stage.run(stage.tenants.get(what.id)).state, "active");
}

}  // namespace
}  // namespace leasehold::control_plane::test
