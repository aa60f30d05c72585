#include "control_stage.hpp"
#include "servers/lease_login.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace leasehold::control_plane::test {
namespace {

constexpr std::array classes{role_class::rw, role_class::ro, role_class::migrate, role_class::support};
// Read only is a default of the ro role, which a session may lift: the refusal must come from what it may
// not.
const std::string writable = "set transaction read write; ";

// Two tenants on one server; A's leases try what only B may.
class Separation : public ::testing::TestWithParam<const char*>
{
protected:
    Separation() : a(stage.provision(GetParam())), b(stage.provision(GetParam()))
    {
        for (const auto* at : {&a, &b}) lease_support(*at);
    }

    // Nobody is lent this class as yet; its roles are there, so they are tried like the others.
    void lease_support(const facilities::place& at)
    {
        const auto name = [&](role_class what) {
            return vault_client::broker_role(servers::broker_role_name(what, at.where));
        };
        auto terms = stage.run(stage.broker->get_role(name(role_class::ro))).value();
        const int version = stage.superuser(at)->server_version();
        terms.creation_statements = servers::creation_statements(role_class::support, at.where, version);
        stage.run(stage.broker->put_role(name(role_class::support), terms));
    }

    control_stage stage;
    facilities::place a;
    facilities::place b;
};
INSTANTIATE_TEST_SUITE_P(Servers, Separation, ::testing::Values("eu-1", "us-1"), [](const auto& one) {
    return std::string(one.param).substr(0, 2);
});

TEST_P(Separation, P5_ALeaseOfEachClassEntersItsOwnDatabaseAlone)
{
    for (const auto what : classes) {
        const auto of_a = stage.lease(a, what);
        const auto of_b = stage.lease(b, what);
        EXPECT_EQ(login(stage.endpoint(a, of_a, b.where.database)), "42501") << to_text(what);
        EXPECT_EQ(login(stage.endpoint(a, of_b, b.where.database)), "") << to_text(what);
        for (const char* other : {"postgres", "template1", "leasehold_base"}) {
            const auto state = login(stage.endpoint(a, of_a, other));
            EXPECT_TRUE(state == "42501" || state == "55000")
                << to_text(what) << " " << other << " " << state;
        }
        // A's password opens nothing under B's name.
        auto mixed = stage.endpoint(b, of_b);
        mixed.password = of_a.password.clone();
        EXPECT_EQ(login(mixed), "28P01");
    }
}

TEST_P(Separation, P5_ALeaseTakesNoRoleOfAnotherTenant)
{
    const servers::role_names names_of_a(a.where.name);
    const servers::role_names names_of_b(b.where.name);
    for (const auto what : classes) {
        const auto of_a = stage.lease(a, what);
        const auto of_b = stage.lease(b, what);
        const auto as_a = stage.connect(a, of_a);
        const auto as_b = stage.connect(b, of_b);
        const auto& own_role = names_of_b.data_role_of(what);
        EXPECT_EQ(attempt(*as_b, "set local role \"" + own_role + "\""), "") << to_text(what);
        for (const auto& role : names_of_b.all()) {
            EXPECT_EQ(attempt(*as_a, writable + "set local role \"" + role + "\""), "42501") << role;
            EXPECT_EQ(
                attempt(*as_a, writable + fmt::format("grant \"{}\" to \"{}\"", role, of_a.username)), "42501"
            ) << role;
            EXPECT_EQ(attempt(*as_a, writable + fmt::format("alter role \"{}\" nologin", role)), "42501")
                << role;
            EXPECT_EQ(attempt(*as_a, writable + fmt::format("drop role \"{}\"", role)), "42501") << role;
            EXPECT_EQ(
                attempt(*as_a, writable + fmt::format("alter role \"{}\" set work_mem = '1GB'", role)),
                "42501"
            ) << role;
        }
        // Nor the lease itself, nor what stands above all tenants.
        const std::vector<std::string> others{
            of_b.username,
            "leasehold_provisioner",
            "leasehold_broker",
            "leasehold_template_owner",
            "pg_read_all_data"};
        for (const auto& role : others) {
            EXPECT_EQ(attempt(*as_a, writable + "set local role \"" + role + "\""), "42501") << role;
            if (role.rfind("pg_", 0) == 0) continue;
            EXPECT_EQ(attempt(*as_a, writable + fmt::format("alter role \"{}\" password 'x'", role)), "42501")
                << role;
        }
        EXPECT_EQ(
            attempt(
                *as_b,
                writable +
                    fmt::format("set local role none; alter role \"{}\" set work_mem = '4MB'", of_b.username)
            ),
            ""
        );
    }
}

TEST_P(Separation, P5_ALeaseDoesNothingToAnotherTenantsDatabase)
{
    const auto of_a = stage.lease(a, role_class::migrate);
    const auto as_a = stage.connect(a, of_a);
    const auto quoted = as_a->quote_identifier(b.where.database);
    for (const auto& sql :
         {"grant connect on database " + quoted + " to public",
          "comment on database " + quoted + " is ''",
          "alter database " + quoted + " rename to mine",
          "revoke connect on database " + quoted + " from public"}) {
        const auto state = attempt(*as_a, sql);
        // GRANT by somebody without any right on the object is refused; with CONNECT alone it would only
        // warn.
        EXPECT_EQ(state, "42501") << sql;
    }
    for (const auto& sql : {"drop database " + quoted, "create database mine template " + quoted}) {
        try {
            as_a->run_plain(sql);
            ADD_FAILURE() << sql;
        } catch (const database::sql_error& refused) {
            EXPECT_EQ(refused.sqlstate(), "42501") << sql;
        }
    }
    EXPECT_EQ(
        number(
            *stage.superuser(b), "select count(*) from pg_database where datname = '" + b.where.database + "'"
        ),
        1
    );
}

// Schema, names and temporary tables: what each class may make in its own database, B as A.
TEST_P(Separation, P5_EachClassMakesWhatItsNameSays)
{
    struct act
    {
        const char* sql;
        const char* rw;
        const char* ro;
        const char* migrate;
    };
    constexpr std::array acts{
        act{"create schema mine", "42501", "42501", ""},
        act{"create table public.mine ()", "42501", "42501", ""},
        act{"create temporary table mine ()", "", "42501", ""},
        act{"insert into public.tags (name) values ('x')", "", "42501", ""},
        act{"select * from public.hosts", "", "", ""},
        act{"select pg_advisory_xact_lock(1)", "", "42501", ""},
        act{"select lo_create(0)", "42501", "42501", "42501"},
        act{"select lo_from_bytea(0, 'x')", "42501", "42501", "42501"},
        act{"select rolpassword from pg_authid", "42501", "42501", "42501"},
        act{"select pg_read_file('PG_VERSION')", "42501", "42501", "42501"},
        act{"copy (select 1) to program 'true'", "42501", "42501", "42501"},
        act{"set local role none; select * from public.hosts", "42501", "42501", "42501"},
        act{"set local role none; create temporary table mine ()", "42501", "42501", "42501"},
        act{"create role mine", "42501", "42501", "42501"},
        act{"create extension file_fdw", "42501", "42501", "42501"},
    };
    for (const auto* at : {&a, &b}) {
        for (const auto what : classes) {
            const auto lease = stage.lease(*at, what);
            const auto own = stage.connect(*at, lease);
            for (const auto& one : acts) {
                const std::string wanted = what == role_class::rw        ? one.rw
                                           : what == role_class::migrate ? one.migrate
                                                                         : one.ro;  // support too
                const auto script = writable + one.sql;
                EXPECT_EQ(attempt(*own, script), wanted) << to_text(what) << ": " << one.sql;
            }
        }
    }
}

// Large objects are off. Where they are switched on they lie in the tenant's database like everything else,
// and belong to a role.
TEST_P(Separation, P5_ALargeObjectOfAnotherTenantIsOutOfReach)
{
    for (const auto* at : {&a, &b}) {
        const auto inside =
            database::connect(stage.run(stage.access.provisioner(at->server, at->where.database)));
        ASSERT_EQ(
            commit(
                *inside,
                "grant execute on function lo_create(oid), lo_creat(int), lo_from_bytea(oid, bytea) to \"" +
                    at->where.name + "_rw\""
            ),
            ""
        );
    }
    const servers::role_names names_of_b(b.where.name);
    const auto writer_lease = stage.lease(b, role_class::rw);
    const auto writer = stage.connect(b, writer_lease);
    ASSERT_EQ(
        commit(
            *writer,
            fmt::format(
                "select lo_from_bytea(4711, 'of b'); grant select on large object 4711 to \"{}\", \"{}\"",
                names_of_b.ro,
                names_of_b.owner
            )
        ),
        ""
    );
    for (const auto what : classes) {
        const auto of_a = stage.lease(a, what);
        const auto of_b = stage.lease(b, what);
        const auto as_a = stage.connect(a, of_a);
        const auto as_b = stage.connect(b, of_b);
        EXPECT_EQ(as_b->run_plain_rows("select convert_from(lo_get(4711), 'UTF8')").at(0)[0], "of b")
            << to_text(what);
        // The way to it is closed, and where A is let in, its number names nothing.
        EXPECT_EQ(login(stage.endpoint(a, of_a, b.where.database)), "42501") << to_text(what);
        for (const char* sql :
             {"select lo_get(4711)",
              "select lo_open(4711, 131072)",
              "select lo_unlink(4711)",
              "select lo_put(4711, 0, 'x')",
              "grant select on large object 4711 to public"}) {
            EXPECT_EQ(attempt(*as_a, writable + sql), "42704") << to_text(what) << ": " << sql;
        }
        for (const char* sql :
             {"select * from pg_largeobject",
              "select lo_export(4711, '/tmp/x')",
              "select lo_import('/etc/hosts')"}) {
            EXPECT_EQ(attempt(*as_a, writable + sql), "42501") << to_text(what) << ": " << sql;
        }
    }
    // A's own under the same number is another one.
    const auto own_lease = stage.lease(a, role_class::rw);
    const auto own = stage.connect(a, own_lease);
    ASSERT_EQ(commit(*own, "select lo_from_bytea(4711, 'of a')"), "");
    EXPECT_EQ(writer->run_plain_rows("select convert_from(lo_get(4711), 'UTF8')").at(0)[0], "of b");
    EXPECT_EQ(own->run_plain_rows("select convert_from(lo_get(4711), 'UTF8')").at(0)[0], "of a");
    EXPECT_EQ(commit(*own, "select lo_unlink(4711)"), "");
    EXPECT_EQ(writer->run_plain_rows("select convert_from(lo_get(4711), 'UTF8')").at(0)[0], "of b");
}

TEST_P(Separation, P5_ALeaseNeitherSeesNorEndsAnothersSession)
{
    const auto of_a = stage.lease(a, role_class::rw);
    const auto of_b = stage.lease(b, role_class::rw);
    const auto as_a = stage.connect(a, of_a);
    const auto as_b = stage.connect(b, of_b);
    const auto second_of_b = stage.connect(b, of_b);
    const auto pid = std::to_string(second_of_b->backend_pid());
    EXPECT_EQ(attempt(*as_a, writable + "select pg_terminate_backend(" + pid + ")"), "42501");
    EXPECT_EQ(attempt(*as_a, writable + "select pg_cancel_backend(" + pid + ")"), "42501");
    EXPECT_EQ(
        as_a->run_plain_rows(
                "select count(*) from pg_stat_activity where pid = " + pid +
                " and query <> '<insufficient privilege>'"
        )
            .at(0)[0],
        "0"
    );
    EXPECT_EQ(attempt(*second_of_b, "select 1"), "");
    // B's data role is not the login's: a session is ended by a member of the login's role.
    EXPECT_EQ(attempt(*as_b, "set local role none; select pg_cancel_backend(" + pid + ")"), "");
}

// GRANT by A names B's roles, on A's own objects: that opens nothing of A to B, since B cannot enter A's
// database.
TEST_P(Separation, P5_AGrantToAnotherTenantOpensNothing)
{
    const auto of_a = stage.lease(a, role_class::migrate);
    const auto of_b = stage.lease(b, role_class::rw);
    const auto as_a = stage.connect(a, of_a);
    EXPECT_EQ(
        commit(
            *as_a, "create table public.shown (); grant select on public.shown to \"" + b.where.name + "_rw\""
        ),
        ""
    );
    EXPECT_EQ(login(stage.endpoint(a, of_b, a.where.database)), "42501");
    EXPECT_EQ(login(stage.endpoint(b, of_b)), "");
    // Without a grant option this only warns; what counts is that the door stays shut.
    commit(
        *as_a,
        fmt::format("grant connect on database \"{}\" to \"{}_rw_login\"", a.where.database, b.where.name)
    );
    EXPECT_EQ(login(stage.endpoint(a, of_b, a.where.database)), "42501");
}

}  // namespace
}  // namespace leasehold::control_plane::test
