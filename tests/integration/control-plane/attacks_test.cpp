#include "control_stage.hpp"
#include "eventually.hpp"
#include "servers/placement_rights.hpp"
#include "servers/role_removal.hpp"
#include "servers/session_cut.hpp"
#include "servers/sweep.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/migrations/apply.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <future>

namespace leasehold::control_plane::test {
namespace {

using clock = std::chrono::steady_clock;
using leasehold::test::eventually;

class Attack : public ::testing::TestWithParam<const char*>
{
protected:
    Attack() : a(stage.provision(GetParam())), b(stage.provision(GetParam())) {}

    std::chrono::milliseconds time_of_revoke(const vault_client::issued& which)
    {
        const auto start = clock::now();
        stage.revoke(which);
        return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - start);
    }
    bool role_is_there(const std::string& name)
    {
        return number(*stage.superuser(a), "select count(*) from pg_roles where rolname = '" + name + "'") ==
               1;
    }
    bool may_log_in(const std::string& name)
    {
        return number(
                   *stage.superuser(a),
                   "select count(*) from pg_roles where rolcanlogin and rolname = '" + name + "'"
               ) == 1;
    }
    void sweep()
    {
        operations::sweeper all(lane_of_sweeper_, stage.with);
        stage.run(all.sweep_all());
    }

    control_stage stage;
    facilities::place a;
    facilities::place b;

private:
    asio::io_context lane_of_sweeper_{1};  // its timer is not started
};
INSTANTIATE_TEST_SUITE_P(Servers, Attack, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(Attack, P7_AnIdleGrantOfAnotherTenantDoesNotDelayARevocation)
{
    const auto control = stage.lease(b, role_class::rw);
    const auto undisturbed = stage.connect(b, control);
    const auto quick = time_of_revoke(control);
    EXPECT_FALSE(role_is_there(control.username));

    const auto of_a = stage.lease(a, role_class::ro);
    const auto of_b = stage.lease(b, role_class::rw);
    const auto as_b = stage.connect(b, of_b);
    const auto as_a = stage.connect(a, of_a);
    as_a->run_plain("begin read write");
    as_a->run_plain(fmt::format("alter default privileges grant select on tables to \"{}\"", of_b.username));
    // The grant holds B's login: else this would prove nothing.
    EXPECT_GE(
        number(
            *stage.superuser(a),
            fmt::format(
                "select count(*) from pg_locks l join pg_roles r on r.oid = l.objid where l.locktype = "
                "'object' and l.pid = {} and r.rolname = '{}'",
                as_a->backend_pid(),
                of_b.username
            )
        ),
        1
    );
    const auto held = time_of_revoke(of_b);
    EXPECT_LT(held, std::chrono::milliseconds(1000)) << "undisturbed: " << quick.count() << " ms";
    EXPECT_NE(attempt(*as_b, "select 1"), "");
    EXPECT_NE(login(stage.endpoint(b, of_b)), "");
    EXPECT_FALSE(may_log_in(of_b.username));

    // What could not be dropped is dropped by the sweep, also after the grant was committed.
    as_a->run_plain("commit");
    EXPECT_TRUE(role_is_there(of_b.username));
    sweep();
    EXPECT_FALSE(role_is_there(of_b.username));
}

TEST_P(Attack, P7_AnUncommittedPasswordDoesNotKeepItsOwnLease)
{
    const auto of_a = stage.lease(a, role_class::rw);
    const auto as_a = stage.connect(a, of_a);
    as_a->run_plain("set role none");
    as_a->run_plain("begin");
    as_a->run_plain(fmt::format("alter role \"{}\" password 'own'", of_a.username));
    EXPECT_LT(time_of_revoke(of_a), std::chrono::milliseconds(1000));
    EXPECT_NE(attempt(*as_a, "select 1"), "");
    EXPECT_FALSE(role_is_there(of_a.username));
}

TEST_P(Attack, P7_ALeaseThatAltersItselfIsCutAllTheSame)
{
    const auto of_a = stage.lease(a, role_class::rw);
    const auto as_a = stage.connect(a, of_a);
    const auto self = as_a->quote_identifier(of_a.username);
    // What PostgreSQL lets nobody keep from a login: its password and its settings.
    EXPECT_EQ(commit(*as_a, "set local role none; alter role " + self + " password 'own'"), "");
    EXPECT_EQ(commit(*as_a, "set local role none; alter role " + self + " set role = 'none'"), "");
    // Everything that would outlive the lease or widen it.
    for (const char* change :
         {"valid until 'infinity'",
          "connection limit 1000",
          "createdb",
          "createrole",
          "superuser",
          "replication",
          "bypassrls"}) {
        EXPECT_EQ(attempt(*as_a, "set local role none; alter role " + self + " " + change), "42501")
            << change;
    }
    auto with_own = stage.endpoint(a, of_a);
    with_own.password = secret<std::string>("own");
    EXPECT_EQ(login(with_own), "");
    // The setting opens nothing: without the data role there is nothing to read.
    EXPECT_EQ(attempt(*database::connect(with_own), "select * from public.hosts"), "42501");

    stage.revoke(of_a);
    EXPECT_NE(attempt(*as_a, "select 1"), "");
    EXPECT_EQ(login(with_own), "28P01");
    EXPECT_FALSE(role_is_there(of_a.username));
}

TEST_P(Attack, P7_WhatBlocksADropIsRepairedByTheSweep)
{
    const auto owner_lease = stage.lease(a, role_class::migrate);
    const auto owner = stage.connect(a, owner_lease);
    const auto granted = stage.lease(b, role_class::rw);
    const auto free = stage.lease(b, role_class::rw);
    const auto self = stage.lease(b, role_class::rw);
    EXPECT_EQ(
        commit(
            *owner,
            fmt::format(
                "create table public.mine (); grant select on public.mine to \"{}\"", granted.username
            )
        ),
        ""
    );
    {
        // As itself, the lease gives away what it may make: nothing, but the entry is there.
        const auto as_self = stage.connect(b, self);
        EXPECT_EQ(
            commit(
                *as_self, "set local role none; alter default privileges grant select on tables to public"
            ),
            ""
        );
    }
    for (const auto* one : {&granted, &free, &self}) stage.revoke(*one);
    EXPECT_FALSE(role_is_there(free.username));  // nothing in its way: F dropped it
    for (const auto* one : {&granted, &self}) {
        EXPECT_TRUE(role_is_there(one->username));
        EXPECT_FALSE(may_log_in(one->username));
    }
    sweep();
    for (const auto* one : {&granted, &self}) EXPECT_FALSE(role_is_there(one->username)) << one->username;
    // A's table and its own rights are untouched.
    EXPECT_EQ(attempt(*owner, "insert into public.mine default values"), "");
}

// The broker's own revocation drops a login while deletion or the sweeper is at it: what they want is that it
// is gone.
TEST_P(Attack, ALoginThatVanishesMeanwhileIsGoneAllTheSame)
{
    const auto root = stage.superuser(a);
    const auto maintenance = database::connect(stage.run(stage.access.provisioner(a.server)));
    const auto tid_of_a = tid::of(a.where.tenant).text();
    int vanished = 0;
    // Something of the login lies in A's database, so it is entered to take that away; just then the login
    // goes.
    const auto open_inside = [&](const std::string& database) {
        for (const auto& row : root->run_plain_rows(
                 "select rolname from pg_roles where rolname like 'lease\\_rw\\_" + tid_of_a + "\\_%'"
             )) {
            const auto quoted = root->quote_identifier(row[0].value());
            stage.superuser(a, database)->run_plain("drop owned by " + quoted);
            root->run_plain("drop role " + quoted);
            ++vanished;
        }
        auto where = stage.run(stage.access.provisioner(a.server, database));
        return database::connect(where);
    };
    const auto leave_something = [&] {
        const auto made = stage.lease(a, role_class::rw);
        const auto as_self = stage.connect(a, made);
        EXPECT_EQ(
            commit(
                *as_self, "set local role none; alter default privileges grant select on tables to public"
            ),
            ""
        );
        return made.username;
    };

    auto name = leave_something();
    servers::drop_lease_logins(*maintenance, tid_of_a, open_inside);
    EXPECT_EQ(vanished, 1);
    EXPECT_FALSE(role_is_there(name));

    name = leave_something();
    root->run_plain("alter role \"" + name + "\" nologin");
    const auto done = servers::sweep(*maintenance, open_inside, std::chrono::minutes(15));
    EXPECT_EQ(vanished, 2);
    EXPECT_TRUE(done.still_blocked.empty());
    EXPECT_FALSE(role_is_there(name));

    // What is not gone is still an error: nobody may say it was dropped.
    name = leave_something();
    const auto into_nowhere = [&](const std::string&) -> std::unique_ptr<database::session> {
        auto where = stage.run(stage.access.provisioner(a.server, "leasehold_base"));
        return database::connect(where);
    };
    EXPECT_THROW(servers::drop_lease_logins(*maintenance, tid_of_a, into_nowhere), database::sql_error);
    EXPECT_TRUE(role_is_there(name));
}

TEST_P(Attack, P6_PlantedLookAlikesAreNotRunByPrivilegedSessions)
{
    const auto of_a = stage.lease(a, role_class::migrate);
    const auto as_a = stage.connect(a, of_a);
    // Each notes who ran it. Exact argument types win over PostgreSQL's own where `public` is searched.
    ASSERT_EQ(
        commit(*as_a, R"(
        create table public.trap (who text);
        grant insert on public.trap to public;
        create function public.has_database_privilege(name, name, text) returns boolean language plpgsql security invoker as
            $f$ begin insert into public.trap values (session_user); return true; end $f$;
        create function public.shobj_description(oid, name) returns text language plpgsql as
            $f$ begin insert into public.trap values (session_user); return ''; end $f$;
        create function public.lower(varchar) returns text language plpgsql as
            $f$ begin insert into public.trap values (session_user); return 'x'; end $f$;
        create function public.same(name, text) returns boolean language plpgsql as
            $f$ begin insert into public.trap values (session_user); return true; end $f$;
        create operator public.= (leftarg = name, rightarg = text, function = public.same);
        create table public.pg_roles (rolname name);
        create view public.pg_database as select 'x'::name as datname, 1::oid as oid;
        grant execute on all functions in schema public to public)"),
        ""
    );
    // It works where somebody looks at `public` first: the positive control.
    EXPECT_EQ(
        commit(
            *as_a,
            "set local search_path = public, pg_catalog; select has_database_privilege('a'::name, 'b'::name, "
            "'c')"
        ),
        ""
    );
    EXPECT_EQ(number(*as_a, "select count(*) from public.trap"), 1);
    EXPECT_EQ(commit(*as_a, "delete from public.trap"), "");

    // Everything privileged that enters a tenant's database, once.
    const auto grants = stage.lease(b, role_class::rw);
    EXPECT_EQ(commit(*as_a, fmt::format("grant select on public.trap to \"{}\"", grants.username)), "");
    stage.revoke(grants);
    sweep();
    EXPECT_FALSE(role_is_there(grants.username));
    {
        const auto inside =
            database::connect(stage.run(stage.access.provisioner(a.server, a.where.database)));
        EXPECT_EQ(inside->run_plain_rows("show search_path").at(0)[0], "pg_catalog, pg_temp");
        servers::grant_rights(*inside, a.where, true);
    }
    {
        migrations::apply_settings how;
        how.applied_by = "test";
        how.expected_marker = a.marker;
        EXPECT_EQ(migrations::apply_chain(*as_a, migrations::tenant_chain(), how).files, 0);
    }
    EXPECT_EQ(number(*as_a, "select count(*) from public.trap"), 0);

    // The path is the role's setting as well: a client that asks for nothing gets it too.
    const auto root = stage.superuser(a);
    EXPECT_EQ(
        root->run_plain_rows(
                "select array_to_string(rolconfig, ';') from pg_roles where rolname = 'leasehold_provisioner'"
        )
            .at(0)[0],
        "search_path=pg_catalog, pg_temp"
    );
}

TEST_P(Attack, P5_VersionRowsAreNotForgedByTheApplication)
{
    const auto rw = stage.lease(a, role_class::rw);
    const auto writer = stage.connect(a, rw);
    for (const char* sql :
         {"insert into public.schema_version (version, name, checksum, duration_ms, applied_by) values "
          "(9999, 'x', 'x', 0, 'x')",
          "update public.schema_version set checksum = 'x'",
          "delete from public.schema_version",
          "truncate public.schema_version",
          "drop table public.schema_version",
          "alter table public.schema_version add column x text",
          "lock table public.schema_version in share row exclusive mode"}) {
        EXPECT_EQ(attempt(*writer, sql), "42501") << sql;
    }
    EXPECT_EQ(attempt(*writer, "select * from public.schema_version"), "");
    EXPECT_EQ(attempt(*writer, "update public.tags set colour = 'red'"), "");
    // The engine's own login may.
    const auto migrate = stage.lease(a, role_class::migrate);
    EXPECT_EQ(attempt(*stage.connect(a, migrate), "update public.schema_version set applied_by = 'x'"), "");
}

// A login that is on its way while its lease is revoked: it stretches itself by post_auth_delay, which every
// client may set.
class login_in_progress
{
public:
    login_in_progress(
        control_stage& stage,
        const facilities::place& at,
        const vault_client::issued& with,
        const std::string& name
    )
    {
        const auto& server = leasehold::test::the_stack().server(at.server.name);
        const auto passwords = stage.installation.folder() / (name + ".pgpass");
        std::string line =
            fmt::format("{}:{}:{}:{}:", server.host, server.port, at.where.database, with.username);
        line += with.password.reveal();
        create_secret_file(passwords, line + "\n");
        const auto command = fmt::format(
            "PGPASSFILE={} PGSSLROOTCERT={} PGSSLMODE=verify-full PGOPTIONS='-c post_auth_delay=4' exec "
            "{}/psql -X -q -w -t -A "
            "-h {} -p {} -U '{}' -d {} -c 'select 1; ' 2>&1",
            passwords.string(),
            server.ca_file.string(),
            server.bin_dir.string(),
            server.host,
            server.port,
            with.username,
            at.where.database
        );
        answer_ = std::async(std::launch::async, [command] {
            std::string output;
            auto* pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
            std::array<char, 1024> part{};
            while (const auto got = std::fread(part.data(), 1, part.size(), pipe))
                output.append(part.data(), got);
            return std::pair(::pclose(pipe), output);
        });
    }
    // Exit status and output of psql.
    std::pair<int, std::string> end() { return answer_.get(); }

private:
    std::future<std::pair<int, std::string>> answer_;
};

TEST_P(Attack, P7_ALoginInProgressSurvivesTheRevocationButNotTheCut)
{
    const servers::role_names names(a.where.name);
    auto provisioner = stage.run(stage.access.provisioner(a.server));
    const auto maintenance = database::connect(provisioner);
    const auto sessions = [&] {
        return servers::count_sessions(*maintenance, a.where.database, names.logins());
    };
    const auto in_activity = [&] {
        return number(
            *stage.superuser(a),
            "select count(*) from pg_stat_activity where datname = '" + a.where.database + "'"
        );
    };

    // Left alone, it gets in and answers after its role is gone.
    const auto first = stage.lease(a, role_class::rw);
    login_in_progress survives(stage, a, first, "first");
    ASSERT_TRUE(eventually([&] { return sessions() == 1; }));
    EXPECT_EQ(in_activity(), 0);  // where one would look for it, it is not
    stage.revoke(first);
    EXPECT_FALSE(role_is_there(first.username));
    EXPECT_EQ(survives.end(), std::pair(0, std::string("1\n")));

    // Cut, it does not.
    const auto second = stage.lease(a, role_class::rw);
    login_in_progress cut(stage, a, second, "second");
    ASSERT_TRUE(eventually([&] { return sessions() == 1; }));
    stage.revoke(second);
    EXPECT_GE(
        servers::cut(*maintenance, a.where.database, names.tenant_logins(), std::chrono::seconds(10)), 1
    );
    EXPECT_EQ(sessions(), 0);
    const auto [status, output] = cut.end();
    EXPECT_NE(status, 0);
    EXPECT_EQ(output.find("1\n"), std::string::npos) << output;
}

}  // namespace
}  // namespace leasehold::control_plane::test
