#include "control_stage.hpp"

#include <leasehold/database/session.hpp>
#include <leasehold/registry/connection.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace leasehold::control_plane::test {
namespace {

constexpr const char* forbidden = "42501";

// Three logins at the registry, two identities at the broker: what each may is tried with the configuration
// that the programs use.
class Identities : public ::testing::Test
{
protected:
    std::unique_ptr<database::session> as(const database_login& login) const
    {
        return database::connect(registry::endpoint_of(stage.installation.config().registry, login));
    }
    [[nodiscard]] const registry_config& logins() const { return stage.installation.config().registry; }

    std::unique_ptr<vault_client::identified_broker> broker_as(const broker_identity_config& who)
    {
        return vault_client::create_identified_broker(lane, stage.installation.config().vault, who, "test");
    }
    // The broker's answer, "" when it was given.
    template <class T>
    std::string answer(task<T> work)
    {
        try {
            await(lane, std::move(work));
        } catch (const error& refused) {
            return refused.code();
        }
        return {};
    }

    asio::io_context lane{1};
    control_stage stage;
};

struct write
{
    std::string table;
    std::string act;
    std::string sql;
};

// Every write on every table of the registry. The rights are asked before anything else, so what else is
// wrong with a statement does not matter; all of them are rolled back.
std::vector<write> all_writes(const leasehold::test::installation& of)
{
    std::vector<write> all;
    std::set<std::string> tables;
    for (const auto& row :
         of.rows("select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid "
                 "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') "
                 "and c.relname like 'registry\\_%' and a.attnum > 0 and not a.attisdropped "
                 "and a.attgenerated = '' and a.attidentity = '' order by 1, a.attnum")) {
        const auto table = row[0].value();
        const auto column = row[1].value();
        all.push_back({table, "update", fmt::format("update public.{0} set \"{1}\" = \"{1}\"", table, column)}
        );
        if (!tables.insert(table).second) continue;
        all.push_back({table, "insert", fmt::format("insert into public.{} default values", table)});
        all.push_back({table, "delete", fmt::format("delete from public.{}", table)});
        all.push_back({table, "truncate", fmt::format("truncate public.{} cascade", table)});
    }
    return all;
}

TEST_F(Identities, AreThreeLoginsWithoutPowerOverEachOther)
{
    const auto control = as(logins().control_plane);
    const auto router = as(logins().router);
    const auto migrate = as(logins().migrate);
    std::set<std::string> names;
    for (const auto* one : {&control, &router, &migrate}) {
        names.insert((*one)->run_plain_rows("select session_user::text").at(0)[0].value());
        EXPECT_EQ(
            number(
                **one,
                "select count(*) from pg_roles where rolname = session_user and not rolsuper and not "
                "rolcreaterole "
                "and not rolcreatedb and not rolbypassrls and not rolreplication"
            ),
            1
        );
    }
    EXPECT_EQ(names.size(), 3U);
    EXPECT_EQ(attempt(*control, "set local role leasehold_registry_control"), "");
    EXPECT_EQ(attempt(*router, "set local role leasehold_registry_router"), "");
    EXPECT_EQ(attempt(*migrate, "set local role leasehold_registry_migrate"), "");
    for (const char* role : {"leasehold_registry_control", "leasehold_registry_migrate"})
        EXPECT_EQ(attempt(*router, std::string("set local role ") + role), forbidden) << role;
    EXPECT_EQ(attempt(*control, "set local role leasehold_registry_migrate"), forbidden);
    for (const auto* one : {&control, &router})
        EXPECT_EQ(attempt(**one, "create table public.registry_mine ()"), forbidden);
    EXPECT_EQ(attempt(*migrate, "create table public.registry_mine ()"), "");
}

TEST_F(Identities, TheRoutersLoginWritesNoTableOfTheCatalog)
{
    const auto control = as(logins().control_plane);
    const auto router = as(logins().router);
    const auto migrate = as(logins().migrate);
    std::set<std::string> written;  // table and act that the control plane has a right to
    std::set<std::string> tables;
    for (const auto& one : all_writes(stage.installation)) {
        tables.insert(one.table);
        EXPECT_EQ(attempt(*router, one.sql), forbidden) << one.sql;
        // The owner's right is the control: the statement itself is sound. The audit refuses even its owner.
        if (one.table != "registry_audit_event") {
            EXPECT_NE(attempt(*migrate, one.sql), forbidden) << one.sql;
        }
        if (attempt(*control, one.sql) != forbidden) written.insert(one.table + " " + one.act);
    }
    EXPECT_GE(tables.size(), 18U);
    for (const char* table :
         {"server",
          "placement",
          "domain",
          "schema_state",
          "template",
          "api_key",
          "enrollment_token",
          "host",
          "operation",
          "operation_step",
          "router",
          "setting"}) {
        for (const char* act : {"insert", "update", "delete"})
            EXPECT_EQ(written.count(fmt::format("registry_{} {}", table, act)), 1U) << table << " " << act;
    }
    EXPECT_EQ(written.count("registry_tenant update"), 1U);
    // What nobody but the owner may: the audit is appended to by its function alone.
    for (const char* act : {"insert", "update", "delete", "truncate"}) {
        EXPECT_EQ(written.count(fmt::format("registry_audit_event {}", act)), 0U) << act;
        EXPECT_EQ(written.count(fmt::format("registry_schema_version {}", act)), 0U) << act;
    }
    EXPECT_EQ(attempt(*control, "update public.registry_tenant set state = 'active'"), forbidden);
}

TEST_F(Identities, TheRoutersLoginCallsNoFunctionThatChangesTheCatalog)
{
    const auto control = as(logins().control_plane);
    const auto router = as(logins().router);
    for (const char* call :
         {"registry_tenant_transition(gen_random_uuid(), '{}', 'active', 'x', 'x', null, null, '{}')",
          "registry_append_audit('x', 'x', null, null, null, null, 'ok', '{}')",
          "registry_operation_claim('x', '1 second')",
          "registry_license_lock()",
          "registry_announce('tenant', null, '{}')"}) {
        EXPECT_EQ(attempt(*router, std::string("select public.") + call), forbidden) << call;
        EXPECT_NE(attempt(*control, std::string("select public.") + call), forbidden) << call;
    }
    // Nor does it read what it has no use for; the views of its trade it does.
    for (const char* table :
         {"registry_api_key", "registry_enrollment_token", "registry_audit_event", "registry_operation"})
        EXPECT_EQ(attempt(*router, std::string("select * from public.") + table), forbidden) << table;
    EXPECT_EQ(attempt(*router, "select * from public.registry_route_tenant"), "");
}

TEST_F(Identities, TheRoutersIdentityAtTheBrokerReachesNoMigrateCredential)
{
    const auto a = stage.provision("eu-1");
    const auto b = stage.provision("us-1");
    const auto& auth = stage.installation.config().vault.auth;
    const auto router = broker_as(auth.router);
    const auto provisioner = broker_as(auth.provisioner);
    const vault_client::write_index anywhere;
    for (const auto* at : {&a, &b}) {
        const auto role = [&](role_class what) {
            return vault_client::broker_role(servers::broker_role_name(what, at->where));
        };
        for (const auto what : {role_class::rw, role_class::ro})
            EXPECT_EQ(answer(router->issue(role(what), anywhere)), "") << to_text(what);
        EXPECT_EQ(answer(router->issue(role(role_class::migrate), anywhere)), "broker_denied");
        EXPECT_EQ(answer(provisioner->issue(role(role_class::migrate), anywhere)), "");

        // What the provisioner does besides.
        EXPECT_EQ(answer(router->get_role(role(role_class::rw))), "broker_denied");
        EXPECT_EQ(answer(provisioner->get_role(role(role_class::rw))), "");
        EXPECT_EQ(
            answer(router->list_leases(role(role_class::rw), vault_client::page_start())), "broker_denied"
        );
        EXPECT_EQ(answer(provisioner->list_leases(role(role_class::rw), vault_client::page_start())), "");
        EXPECT_EQ(answer(router->get_kv(servers::provisioner_path(at->server.name))), "broker_denied");
        EXPECT_EQ(answer(provisioner->get_kv(servers::provisioner_path(at->server.name))), "");
        const auto& terms = await(lane, provisioner->get_role(role(role_class::rw)));
        EXPECT_EQ(answer(router->put_role(role(role_class::rw), *terms)), "broker_denied");
        EXPECT_EQ(answer(provisioner->put_role(role(role_class::rw), *terms)), "");
        EXPECT_EQ(
            answer(router->revoke_prefix(role(role_class::rw), vault_client::completion::done)),
            "broker_denied"
        );
        EXPECT_EQ(
            answer(provisioner->revoke_prefix(role(role_class::rw), vault_client::completion::done)), ""
        );
    }
    await(lane, router->stop());
    await(lane, provisioner->stop());
    leasehold::test::settle(lane);
}

}  // namespace
}  // namespace leasehold::control_plane::test
