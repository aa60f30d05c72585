#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"
#include "occupied_port.hpp"
#include "test_license.hpp"

#include <leasehold/base/file.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <list>

namespace leasehold::test {
namespace {

// An installation with two tenants whose server and broker are listeners of the test: whoever asks them is
// seen. Its own listeners' ports are taken, so that a start which gets as far as opening one says that.
class LicenseStart : public ::testing::Test
{
protected:
    LicenseStart() : here(with_watched_broker())
    {
        made.run(fmt::format(
            "update public.registry_server set addresses = array['127.0.0.1:{}'] where name = 'eu-1'",
            server.port()
        ));
        for (const auto* slug : {"acme", "globex"}) {
            const auto id = tenant_id::random();
            const auto tid_text = tid::of(id).text();
            made.run(fmt::format(
                "insert into public.registry_tenant (id, tid, slug, name, state) values ('{}', '{}', '{}', "
                "'{}', 'active')",
                id.to_string(),
                tid_text,
                slug,
                slug
            ));
            made.run(fmt::format(
                "insert into public.registry_placement (tenant_id, generation, server_id, name, database, "
                "state) select '{0}', 1, id, 't_{1}_1', 't_{1}_1', 'current' from public.registry_server "
                "where name = 'eu-1'",
                id.to_string(),
                tid_text
            ));
        }
        const auto& values = here.values;
        for (const auto& one :
             {values.control_plane.listen,
              values.router.listen.front(),
              values.agents.listen,
              values.metrics.listen})
            taken.emplace_back(one.port);
    }

    leasehold::config with_watched_broker() const
    {
        auto values = made.config();
        values.vault.url = {fmt::format("http://127.0.0.1:{}", broker.port())};
        values.vault.ca_file.clear();
        return values;
    }

    void use_license(const std::string& document) const { store_file(here.values.license.file, document); }

    // Refused with this code, and nobody was asked, nothing opened, nothing written.
    void expect_refused(const std::string& code, const std::string& role = "all")
    {
        const auto told = here.local({"serve", "--role", role});
        EXPECT_EQ(told.exit_code, 78) << told.err;
        EXPECT_NE(told.err.find("code: " + code), std::string::npos) << told.err;
        EXPECT_NE(
            told.err.find("error: refusing to start in multi-tenant mode: no valid license"),
            std::string::npos
        ) << told.err;
        EXPECT_NE(told.err.find("license.refused"), std::string::npos) << told.err;
        EXPECT_EQ(told.out, "");
        EXPECT_EQ(server.visitors(), 0) << "a tenant's server was asked";
        EXPECT_EQ(broker.visitors(), 0) << "the broker was asked";
        for (const auto& one : taken) EXPECT_EQ(one.visitors(), 0);
        EXPECT_FALSE(std::filesystem::exists(here.values.security.hmac_key_file));
        EXPECT_FALSE(std::filesystem::exists(here.values.control_plane.bootstrap.key_file));
        EXPECT_TRUE(made.rows("select 1 from public.registry_router").empty());
        EXPECT_TRUE(made.rows("select 1 from public.registry_api_key").empty());
    }

    installation made;
    occupied_port server;
    occupied_port broker;
    configured here;
    std::list<occupied_port> taken;
};

TEST_F(LicenseStart, W6_WithoutAValidLicenseNothingOpensAndNobodyIsAsked)
{
    const auto good = make_license();
    std::filesystem::remove(here.values.license.file);
    expect_refused("license_missing");
    expect_refused("license_missing", "router");

    // What it says is of another license than what was signed.
    const auto other = make_license(std::chrono::system_clock::now(), 3650);
    const auto first = good.find('.');
    const auto second = good.find('.', first + 1);
    ASSERT_NE(good.substr(0, second), other.substr(0, other.rfind('.')));
    use_license(other.substr(0, other.rfind('.')) + good.substr(second));
    expect_refused("license_signature");
    expect_refused("license_signature", "router");

    // The positive control: the same start with the good one gets to its listeners, and finds them taken.
    use_license(good);
    const auto blocked = here.local({"serve"});
    EXPECT_NE(blocked.err.find("address_in_use"), std::string::npos) << blocked.err;
    taken.clear();
    program serving(LEASEHOLD_BINARY, {"serve", "--dev", "--config", here.file().string()});
    EXPECT_TRUE(
        eventually([&] { return listens(here.values.router.listen.front().port); }, std::chrono::seconds(60))
    ) << serving.err();
    EXPECT_TRUE(eventually([&] { return broker.visitors() > 0; }, std::chrono::seconds(60))) << serving.err();
}

TEST_F(LicenseStart, C5_AfterItsGraceNeitherAStartNorARunTouchesATenantsDatabase)
{
    use_license(make_license(std::chrono::system_clock::now(), -60));
    expect_refused("license_expired");
    const auto run = here.local({"migrate", "--chain", "tenant"});
    EXPECT_EQ(run.exit_code, 78) << run.err;
    EXPECT_NE(run.err.find("license_expired"), std::string::npos) << run.err;
    EXPECT_EQ(server.visitors() + broker.visitors(), 0);

    use_license(make_license(std::chrono::system_clock::now(), -20));  // in its grace both go on
    const auto begun = here.local({"migrate", "--chain", "tenant"});
    EXPECT_NE(begun.exit_code, 78) << begun.err;
    EXPECT_GT(broker.visitors(), 0);
    taken.clear();
    program serving(LEASEHOLD_BINARY, {"serve", "--dev", "--config", here.file().string()});
    EXPECT_TRUE(
        eventually([&] { return listens(here.values.router.listen.front().port); }, std::chrono::seconds(60))
    ) << serving.err();
}

}  // namespace
}  // namespace leasehold::test
