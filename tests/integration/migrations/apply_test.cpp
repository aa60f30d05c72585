#include "scratch_folder.hpp"
#include "stack.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/migrations/apply.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace leasehold::migrations {
namespace {

using test::scratch_database;
using test::the_stack;

// A folder of files that replaces a chain.
class own_files
{
public:
    void write(const std::string& name, const std::string& body) const
    {
        std::ofstream(folder_ / name) << "-- leasehold: phase expand\n" << body << "\n";
    }
    [[nodiscard]] chain make() const { return tenant_chain().with_folder(folder_.path(), true); }

private:
    test::scratch_folder folder_;
};

// On both versions of PostgreSQL.
class Apply : public ::testing::TestWithParam<int>
{
protected:
    [[nodiscard]] std::unique_ptr<database::session> owner() const
    {
        return database::connect(database_.endpoint());
    }
    [[nodiscard]] applied apply(const chain& ours) const
    {
        const auto session = owner();
        apply_settings how;
        how.applied_by = "test";
        return apply_chain(*session, ours, how);
    }
    [[nodiscard]] std::int64_t count(const std::string& sql) const
    {
        return std::stoll(
            database::connect(database_.superuser_endpoint())->run_plain_rows(sql).at(0)[0].value()
        );
    }
    template <class Work>
    static std::string code_of(Work&& work)
    {
        try {
            work();
        } catch (const error& refused) {
            return refused.code() + ": " + refused.detail();
        }
        return {};
    }

    scratch_database database_{the_stack().with_major(GetParam()), "migrate"};
};

INSTANTIATE_TEST_SUITE_P(PostgreSql, Apply, ::testing::Values(15, 17), ::testing::PrintToStringParamName());

TEST_P(Apply, BringsAnEmptyDatabaseToTheNewestAndThenDoesNothing)
{
    const auto first = apply(tenant_chain());
    EXPECT_EQ(first.version_before, 0);
    EXPECT_EQ(first.version_after, tenant_chain().version());
    EXPECT_EQ(first.files, static_cast<int>(tenant_chain().files().size()));
    EXPECT_EQ(first.checksum, tenant_chain().checksum());

    const auto applied_at = "select extract(epoch from max(applied_at)) * 1000000 from public.schema_version";
    const auto before =
        database::connect(database_.superuser_endpoint())->run_plain_rows(applied_at).at(0)[0];
    const auto second = apply(tenant_chain());
    EXPECT_EQ(second.files, 0);
    EXPECT_EQ(second.version_before, first.version_after);
    EXPECT_EQ(second.checksum, first.checksum);
    EXPECT_EQ(database::connect(database_.superuser_endpoint())->run_plain_rows(applied_at).at(0)[0], before);
}

TEST_P(Apply, WritesEveryVersionRow)
{
    (void)apply(tenant_chain());
    const auto session = owner();
    const auto rows = load_version_rows(*session, partition::tenant);
    ASSERT_EQ(rows.size(), tenant_chain().files().size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(rows[i].name, tenant_chain().files()[i].name);
        EXPECT_EQ(rows[i].checksum, tenant_chain().files()[i].checksum);
    }
    EXPECT_EQ(chain_checksum(rows), tenant_chain().checksum());
    EXPECT_EQ(
        count("select count(*) from public.schema_version where applied_by = 'test'"),
        static_cast<std::int64_t>(rows.size())
    );
}

TEST_P(Apply, AFailingFileLeavesNothingOfItsRun)
{
    const own_files files;
    files.write("0001_create_a.sql", "create table a (n integer);");
    (void)apply(files.make());
    files.write("0002_create_b.sql", "create table b (n integer);");
    files.write("0003_break.sql", "insert into a values ('no number');");
    const auto failed = code_of([&] { (void)apply(files.make()); });
    EXPECT_EQ(failed, "migration_failed: 0003_break.sql failed with SQLSTATE 22P02");
    EXPECT_EQ(count("select count(*) from pg_class where relname = 'b'"), 0);
    EXPECT_EQ(count("select max(version) from public.schema_version"), 1);

    files.write("0003_break.sql", "insert into a values (1);");
    const auto done = apply(files.make());
    EXPECT_EQ(done.version_before, 1);
    EXPECT_EQ(done.files, 2);
}

// The connection goes in the middle of the transaction, as it does when the process is killed.
TEST_P(Apply, ALostConnectionIsAsIfNothingHadHappened)
{
    const own_files files;
    files.write("0001_create_a.sql", "create table a (n integer);");
    files.write("0002_kill.sql", "select pg_terminate_backend(pg_backend_pid());");
    const auto lost = code_of([&] { (void)apply(files.make()); });
    EXPECT_NE(lost, "");
    EXPECT_EQ(count("select count(*) from pg_class where relname in ('a', 'schema_version')"), 0);

    files.write("0002_kill.sql", "select 1;");
    EXPECT_EQ(apply(files.make()).files, 2);
}

TEST_P(Apply, AnEditedFileIsRefusedByName)
{
    const own_files files;
    files.write("0001_create_a.sql", "create table a (n integer);");
    (void)apply(files.make());
    files.write("0001_create_a.sql", "create table a (n bigint);");
    files.write("0002_create_b.sql", "create table b (n integer);");
    EXPECT_EQ(
        code_of([&] { (void)apply(files.make()); }),
        "history_changed: 0001_create_a.sql was applied with another content than this binary holds"
    );
    EXPECT_EQ(count("select count(*) from pg_class where relname = 'b'"), 0);
}

TEST_P(Apply, ADatabaseThatIsAheadIsRefused)
{
    const own_files files;
    files.write("0001_create_a.sql", "create table a (n integer);");
    const auto shorter = files.make();
    files.write("0002_create_b.sql", "create table b (n integer);");
    (void)apply(files.make());
    EXPECT_EQ(code_of([&] { (void)apply(shorter); }).substr(0, 13), "schema_ahead:");
}

TEST_P(Apply, AnotherDatabaseThanExpectedIsNotTouched)
{
    const auto session = owner();
    apply_settings how;
    how.applied_by = "test";
    how.expected_database = "t_aaaaaaaaaa_1";
    EXPECT_EQ(
        code_of([&] { apply_chain(*session, tenant_chain(), how); }).substr(0, 18), "placement_mismatch"
    );
    how.expected_database = database_.name();
    how.expected_marker = "leasehold/1 someone";
    EXPECT_EQ(
        code_of([&] { apply_chain(*session, tenant_chain(), how); }).substr(0, 18), "placement_mismatch"
    );
    EXPECT_EQ(count("select count(*) from pg_class where relname = 'schema_version'"), 0);

    database::connect(database_.superuser_endpoint())
        ->run_plain("comment on database " + database_.name() + " is 'leasehold/1 someone'");
    EXPECT_EQ(
        apply_chain(*session, tenant_chain(), how).files, static_cast<int>(tenant_chain().files().size())
    );
}

TEST_P(Apply, AFileWithoutLimitsOfItsOwnHasThoseOfTheSettings)
{
    const auto session = owner();
    apply_settings how;
    how.applied_by = "test";
    how.limits = {std::chrono::milliseconds(200), std::chrono::milliseconds(500)};
    const auto outcome = [&](const own_files& files) {
        return code_of([&] { apply_chain(*session, files.make(), how); });
    };
    const own_files files;
    files.write("0001_create_a.sql", "create table a (n integer);");
    EXPECT_EQ(outcome(files), "");
    files.write("0002_wait.sql", "select pg_catalog.pg_sleep(1);");
    EXPECT_EQ(outcome(files), "migration_failed: 0002_wait.sql failed with SQLSTATE 57014");
    files.write("0002_wait.sql", "-- leasehold: statement_timeout 1m\nselect pg_catalog.pg_sleep(1);");
    EXPECT_EQ(outcome(files), "");

    files.write("0003_alter_a.sql", "alter table a add column t text;");
    const auto holder = owner();
    holder->in_transaction([&](database::transaction& tx) {
        tx.run_script("lock table public.a in access share mode");
        EXPECT_EQ(outcome(files), "migration_failed: 0003_alter_a.sql failed with SQLSTATE 55P03");
    });
    EXPECT_EQ(outcome(files), "");
}

// Two engines at once on one database: the version table's lock lets one in after the other, and neither
// applies twice.
TEST_P(Apply, WaitsForTheLockOnItsVersionTableAndThenFindsNothingToDo)
{
    (void)apply(tenant_chain());
    const auto holder = owner();
    const auto late = owner();
    std::string refused;
    holder->in_transaction([&](database::transaction& tx) {
        tx.run_script("lock table public.schema_version in share row exclusive mode");
        apply_settings how;
        how.applied_by = "test";
        try {
            apply_chain(*late, tenant_chain(), how);
        } catch (const database::sql_error& locked) {
            refused = locked.sqlstate();
        }
    });
    EXPECT_EQ(refused, "55P03");
    apply_settings how;
    how.applied_by = "test";
    EXPECT_EQ(apply_chain(*late, tenant_chain(), how).files, 0);
}

}  // namespace
}  // namespace leasehold::migrations
