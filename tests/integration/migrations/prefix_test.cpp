#include "installation.hpp"
#include "scratch_folder.hpp"
#include "stack.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/control-plane/fleet_migration.hpp>
#include <leasehold/migrations/apply.hpp>
#include <leasehold/migrations/fleet_chain.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace leasehold::migrations {
namespace {

using test::scratch_database;
using test::the_stack;

// Every relation, type, routine and schema of a database that PostgreSQL did not bring, from the catalog.
// Indexes, sequences, row types and array types follow their table.
constexpr const char* objects = R"(
    select 'relation' as kind, c.relname::text as name, n.nspname::text as schema
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'routine', p.proname, n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'type', ltrim(t.typname, '_'), n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'trigger', t.tgname, '' from pg_trigger t where not t.tgisinternal
    union all
    select 'schema', n.nspname, '' from pg_namespace n
     where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public'))";

constexpr const char* foreign_keys = R"(
    select c.conname::text as name, f.relname::text as holder, t.relname::text as target from pg_constraint c
      join pg_class f on f.oid = c.conrelid join pg_class t on t.oid = c.confrelid where c.contype = 'f')";

partition partition_of(const std::string& name)
{
    if (name.rfind("registry_", 0) == 0) return partition::registry;
    if (name.rfind("shared_", 0) == 0) return partition::shared;
    return partition::tenant;
}

// The roles that the registry's and the shared chain grant to; of the whole server, made by whoever comes
// first.
void make_service_roles(const test::stack_server& server)
{
    const auto session = database::connect(server.superuser_endpoint());
    for (const char* role :
         {"leasehold_registry_control", "leasehold_registry_router", "leasehold_registry_migrate"}) {
        session->run_plain(fmt::format(
            "do $$ begin create role {} nologin; exception when duplicate_object or unique_violation then "
            "null; end $$",
            role
        ));
    }
}

void apply(const scratch_database& to, const chain& ours)
{
    const auto session = database::connect(to.superuser_endpoint());
    apply_settings how;
    how.applied_by = "test";
    apply_chain(*session, ours, how);
}

class Prefix : public ::testing::TestWithParam<int>
{
protected:
    void SetUp() override
    {
        test::with_stack_lock([&] { make_service_roles(the_stack().with_major(GetParam())); });
    }
    scratch_database database_{the_stack().with_major(GetParam()), "prefix"};
};

INSTANTIATE_TEST_SUITE_P(PostgreSql, Prefix, ::testing::Values(15, 17), ::testing::PrintToStringParamName());

TEST_P(Prefix, EachChainNamesItsObjectsAfterItself)
{
    for (const auto* one : {&registry_chain(), &shared_chain(), &tenant_chain()}) {
        const scratch_database own(the_stack().with_major(GetParam()), "prefix_one");
        apply(own, *one);
        int seen = 0;
        for (const auto& row : database::connect(own.superuser_endpoint())->run_plain_rows(objects)) {
            const auto name = row.get<std::string>("name");
            EXPECT_EQ(partition_of(name), one->which()) << row.get<std::string>("kind") << " " << name;
            ++seen;
        }
        EXPECT_GT(seen, 10) << to_text(one->which());
    }
}

TEST_P(Prefix, G16_AllThreeLiveInOneDatabaseAndNoForeignKeyCrosses)
{
    for (const auto* one : {&registry_chain(), &shared_chain(), &tenant_chain()}) apply(database_, *one);
    const auto session = database::connect(database_.superuser_endpoint());
    std::map<partition, int> keys;
    for (const auto& row : session->run_plain_rows(foreign_keys)) {
        const auto holder = row.get<std::string>("holder");
        const auto target = row.get<std::string>("target");
        EXPECT_EQ(partition_of(holder), partition_of(target)) << row.get<std::string>("name");
        ++keys[partition_of(holder)];
    }
    EXPECT_GT(keys[partition::registry], 0);
    EXPECT_GT(keys[partition::tenant], 0);
    for (const auto* one : {&registry_chain(), &shared_chain(), &tenant_chain()}) {
        EXPECT_EQ(chain_checksum(load_version_rows(*session, one->which())), one->checksum())
            << to_text(one->which());
    }
}

// The three chains by the product's own logins, in the registry's database: what collapsed mode is.
TEST(Collapsed, G16_ThreeChainsInOneDatabaseByTheMigrateLogin)
{
    const test::installation made;
    const auto& values = made.config();
    EXPECT_EQ(control_plane::migrate_registry(values, "test").files, 0);
    EXPECT_EQ(control_plane::migrate_shared(values, "test").files, 0);
    const auto first = control_plane::migrate_collapsed(values, "test");
    EXPECT_EQ(first.files, static_cast<int>(tenant_chain().files().size()));
    EXPECT_EQ(control_plane::migrate_collapsed(values, "test").files, 0);

    EXPECT_EQ(made.rows("select count(*) from public.registry_tenant where state = 'active'").at(0)[0], "1");
    EXPECT_EQ(
        made.rows("select checksum from public.registry_schema_state where chain = 'tenant'").at(0)[0],
        tenant_chain().checksum()
    );
}

// Own files beside the built-in ones, and instead of them.
TEST(Collapsed, G16_ExtendedAndReplacedChainsReachTheirNewest)
{
    const test::scratch_folder folder;
    std::filesystem::create_directory(folder / "extend");
    std::filesystem::create_directory(folder / "replace");
    const std::string head = "-- leasehold: phase expand\n";
    store_file(folder / "extend/5000_create_note.sql", head + "create table note (id bigint primary key);\n");
    store_file(
        folder / "replace/0001_create_only.sql", head + "create table only_one (id bigint primary key);\n"
    );
    for (const std::string mode : {"extend", "replace"}) {
        const test::installation made;
        auto values = made.config();
        values.migrations.tenant_dir = folder / mode;
        values.migrations.tenant_mode = mode;
        const auto ours = tenant_chain_of(values.migrations);
        EXPECT_EQ(ours.files().size(), mode == "extend" ? tenant_chain().files().size() + 1 : 1U);
        EXPECT_EQ(
            control_plane::migrate_collapsed(values, "test").files, static_cast<int>(ours.files().size())
        );
        EXPECT_EQ(control_plane::migrate_collapsed(values, "test").files, 0);
        const auto of_name = [&](const std::string& name) {
            return made.rows("select 1 from pg_class where relname = '" + name + "' and relkind = 'r'")
                .size();
        };
        EXPECT_EQ(of_name("hosts"), mode == "extend" ? 1U : 0U);
        EXPECT_EQ(of_name("note"), mode == "extend" ? 1U : 0U);
        EXPECT_EQ(of_name("only_one"), mode == "extend" ? 0U : 1U);
        EXPECT_EQ(
            made.rows("select checksum from public.registry_schema_state where chain = 'tenant'").at(0)[0],
            ours.checksum()
        );
    }
}

// What the engine does for the schema tier: tenants of one database, a schema and a version table each.
TEST_P(Prefix, G16_FiftySchemasOfOneDatabaseEachReachTheNewest)
{
    const auto session = database::connect(database_.superuser_endpoint());
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 50; ++i) {
            apply_settings how;
            how.applied_by = "test";
            how.schema = fmt::format("tenant_{}", i);
            if (round == 0) session->run_plain("create schema " + how.schema);
            const auto done = apply_chain(*session, tenant_chain(), how);
            EXPECT_EQ(done.files, round == 0 ? static_cast<int>(tenant_chain().files().size()) : 0)
                << how.schema;
            EXPECT_EQ(done.checksum, tenant_chain().checksum()) << how.schema;
        }
    }
    // Each has the same objects; nothing lies in another place, and no key leads from one tenant to another.
    std::map<std::string, std::set<std::string>> by_schema;
    for (const auto& row : session->run_plain_rows(objects)) {
        const auto kind = row.get<std::string>("kind");
        if (kind == "relation" || kind == "routine")
            by_schema[row.get<std::string>("schema")].insert(row.get<std::string>("name"));
    }
    ASSERT_EQ(by_schema.size(), 50U);
    for (const auto& [schema, names] : by_schema) EXPECT_EQ(names, by_schema.at("tenant_0")) << schema;
    EXPECT_EQ(
        session
            ->run_plain_rows("select count(*) from pg_constraint c join pg_class f on f.oid = c.conrelid "
                             "join pg_class t on t.oid = c.confrelid where f.relnamespace <> t.relnamespace")
            .at(0)[0],
        "0"
    );
}

}  // namespace
}  // namespace leasehold::migrations
