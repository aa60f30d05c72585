// Outside clients through the router, unchanged: what each prints is its verdict.
#include "scratch_folder.hpp"
#include "the_line.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace leasehold::test {
namespace {

const std::string tools = std::string(LEASEHOLD_SOURCE_FOLDER) + "/build/tools";  // made by `make tools`
const std::string drivers = std::string(LEASEHOLD_SOURCE_FOLDER) + "/tests/drivers";

TEST(Clients, PsqlReadsAndWritesItsOwnTenantOnBothVersions)
{
    for (const std::string slug : {"acme", "globex"}) {
        const auto where = tenant(slug);
        const auto psql =
            client_program(where.server, "psql") + " -X -q -A -t -v ON_ERROR_STOP=1 '" + where.uri + "'";
        const auto done = run_shell(
            psql + " -c \"insert into tags (name) values ('by psql')\" -c 'select current_database()' "
                   "-c \"delete from tags where name = 'by psql' returning 'gone'\""
        );
        EXPECT_EQ(done.exit_code, 0) << done.output;
        EXPECT_NE(done.output.find(where.database), std::string::npos) << done.output;
        EXPECT_NE(done.output.find("gone"), std::string::npos) << done.output;
    }
}

TEST(Clients, PgbenchRunsInAllThreeModesOnBothVersions)
{
    const scratch_folder folder;
    const auto script = (folder / "select.sql").string();
    std::ofstream(script) << "select :client_id;\n";
    for (const std::string slug : {"acme", "globex"}) {
        const auto where = tenant(slug);
        for (const std::string mode : {"simple", "extended", "prepared"}) {
            const auto done = run_shell(
                client_program(where.server, "pgbench") + " -n -M " + mode + " -c 4 -j 2 -t 200 -f " +
                script + " '" + where.uri + "'"
            );
            EXPECT_EQ(done.exit_code, 0) << done.output;
            EXPECT_NE(
                done.output.find("number of transactions actually processed: 800/800"), std::string::npos
            ) << done.output;
            EXPECT_NE(done.output.find("number of failed transactions: 0"), std::string::npos) << done.output;
        }
    }
}

TEST(Clients, PgDumpTakesAWholeTenant)
{
    for (const std::string slug : {"acme", "globex"}) {
        const auto where = tenant(slug);
        const auto done = run_shell(client_program(where.server, "pg_dump") + " '" + where.uri + "'");
        EXPECT_EQ(done.exit_code, 0) << done.output.substr(0, 2000);
        EXPECT_NE(done.output.find("COPY public.host_packages"), std::string::npos);
        EXPECT_NE(done.output.find("PostgreSQL database dump complete"), std::string::npos);
    }
}

void run_driver(const std::string& command)
{
    const auto done = run_shell(command);
    EXPECT_EQ(done.exit_code, 0) << done.output;
    EXPECT_EQ(done.output.find("FAIL"), std::string::npos) << done.output;
    EXPECT_NE(done.output.find("ok   "), std::string::npos) << done.output;
}

// Every driver's cases against both PostgreSQL versions.
class Driver : public testing::TestWithParam<const char*>
{
protected:
    [[nodiscard]] static std::string dsn_file() { return tenant(GetParam()).dsn_file; }
};

TEST_P(Driver, Psycopg)
{
    run_driver(tools + "/drivers/bin/python " + drivers + "/psycopg_cases.py " + dsn_file());
}

TEST_P(Driver, Asyncpg)
{
    run_driver(tools + "/drivers/bin/python " + drivers + "/asyncpg_cases.py " + dsn_file());
}

TEST_P(Driver, NodePostgres)
{
    run_driver("node " + drivers + "/node/cases.js " + dsn_file() + " " + tools + "/node/node_modules");
}

INSTANTIATE_TEST_SUITE_P(Tenants, Driver, testing::Values("acme", "globex"));

}  // namespace
}  // namespace leasehold::test
