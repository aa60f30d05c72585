#include "servers/lease_login.hpp"
#include "servers/names.hpp"

#include <gtest/gtest.h>

#include <set>

namespace leasehold::control_plane::servers {
namespace {

registry::placement placed(std::int64_t generation)
{
    registry::placement where;
    where.tenant = tenant_id::parse("0191e0a4-5b6c-7d8e-9f00-112233445566").value();
    where.generation = generation;
    where.name = "t_" + tid::of(where.tenant).text() + "_" + std::to_string(generation);
    where.database = where.name;
    where.schema = "public";
    return where;
}

TEST(Names, ComeFromThePlacement)
{
    const auto where = placed(3);
    const auto p = where.name;
    const role_names names(p);
    EXPECT_EQ(names.owner, p);
    EXPECT_EQ(
        names.logins(),
        (std::vector<std::string>{
            p + "_rw_login", p + "_ro_login", p + "_migrate_login", p + "_support_login"})
    );
    EXPECT_EQ(
        names.tenant_logins(),
        (std::vector<std::string>{p + "_rw_login", p + "_ro_login", p + "_support_login"})
    );
    EXPECT_EQ(names.all().size(), 7U);
    EXPECT_EQ(broker_role_name(role_class::rw, where), "rw_" + tid::of(where.tenant).text() + "_3");
}

// PostgreSQL cuts names at 63 bytes with no more than a notice: two tenants would meet in one.
TEST(Names, StayShortForTheLargestGeneration)
{
    const auto where = placed(999'999'999'999);
    for (const auto& role : role_names(where.name).all()) EXPECT_LE(role.size(), 63U) << role;
    for (const auto what : {role_class::rw, role_class::ro, role_class::migrate}) {
        const auto role = broker_role_name(what, where);
        EXPECT_LE(role.size(), 36U) << role;
        EXPECT_LE(("lease_" + role + "_").size() + 20, 63U) << role;
    }
}

TEST(Names, OfTwoGenerationsAreDisjoint)
{
    const auto first = role_names(placed(1).name).all();
    const auto second = role_names(placed(11).name).all();
    std::set<std::string> both(first.begin(), first.end());
    both.insert(second.begin(), second.end());
    EXPECT_EQ(both.size(), first.size() + second.size());
}

TEST(Names, OfAClass)
{
    const role_names names("t_x_1");
    EXPECT_EQ(names.login_of(role_class::rw), "t_x_1_rw_login");
    EXPECT_EQ(names.login_of(role_class::ro), "t_x_1_ro_login");
    EXPECT_EQ(names.login_of(role_class::migrate), "t_x_1_migrate_login");
    EXPECT_EQ(names.login_of(role_class::support), "t_x_1_support_login");
    EXPECT_EQ(names.data_role_of(role_class::rw), "t_x_1_rw");
    EXPECT_EQ(names.data_role_of(role_class::ro), "t_x_1_ro");
    EXPECT_EQ(names.data_role_of(role_class::support), "t_x_1_ro");
    EXPECT_EQ(names.data_role_of(role_class::migrate), "t_x_1");
}

TEST(Names, OfMarkerAndTemplate)
{
    const auto installation = installation_id::random();
    const auto where = placed(2);
    EXPECT_EQ(
        marker_of(installation, where),
        "leasehold/1 " + installation.to_string() + " " + where.tenant.to_string() + " " +
            tid::of(where.tenant).text() + " 2"
    );
    EXPECT_EQ(template_name("0123456789abcdef"), "leasehold_template_01234567");
}

TEST(CreationStatements, MakeAMemberOfTheChainAlone)
{
    const auto where = placed(1);
    for (const auto what : {role_class::rw, role_class::ro, role_class::migrate}) {
        for (const int version : {150018, 170010}) {
            const auto statements = creation_statements(what, where, version);
            const role_names names(where.name);
            EXPECT_NE(statements[0].find("IN ROLE " + names.login_of(what)), std::string::npos);
            EXPECT_EQ(statements[1], "ALTER ROLE \"{{name}}\" SET role = '" + names.data_role_of(what) + "'");
            for (const auto& one : statements) {
                EXPECT_EQ(one.find("GRANT SELECT"), std::string::npos);
                EXPECT_EQ(one.find(';'), std::string::npos) << "the broker would split it: " << one;
            }
            const bool read_only = what == role_class::ro;
            EXPECT_EQ(statements.size(), 2U + (read_only ? 1U : 0U) + (version >= 160000 ? 1U : 0U));
        }
    }
}

TEST(RevocationStatements, AreOneElementThatIsNotSplit)
{
    const auto statements = revocation_statements();
    ASSERT_EQ(statements.size(), 1U);
    EXPECT_NE(statements[0].find("lock_timeout"), std::string::npos);
    EXPECT_NE(statements[0].find("END $$"), std::string::npos);
    EXPECT_EQ(statements[0].find("now()"), std::string::npos);
}

}  // namespace
}  // namespace leasehold::control_plane::servers
