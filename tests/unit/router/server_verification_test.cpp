#include "server/server_gate.hpp"
#include "server/verification.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

struct stage
{
    expected_session want;
    seen_session seen;

    stage()
    {
        want.installation = installation_id::random();
        want.tenant = tenant_id::random();
        want.tid = tid::of(want.tenant).text();
        want.placement.generation = 3;
        want.placement.name = "t_" + want.tid + "_3";
        want.placement.database = want.placement.name;
        want.placement.schema = "public";
        seen.database = want.placement.database;
        seen.session_user = "lease_rw_" + want.tid + "_3_abcdefghij0123456789";
        seen.current_user = want.placement.name + "_rw";
        seen.schema = "public";
        seen.groups = want.placement.name + "_rw_login";
        seen.settings = "0:role=" + want.placement.name + "_rw";
        seen.marker = marker(want.tenant, 3);
    }
    std::string marker(const tenant_id& tenant, int generation) const
    {
        return "leasehold/1 " + want.installation.to_string() + " " + tenant.to_string() + " " +
               tid::of(tenant).text() + " " + std::to_string(generation);
    }
};

struct row
{
    const char* what;
    std::function<void(stage&)> change;
    verdict wanted;
};

TEST(Judge, EveryDeviationHasItsVerdict)
{
    const auto other = tenant_id::random();
    const std::vector<row> rows{
        {"as it should be", [](stage&) {}, verdict::right},
        {"another database", [](stage& s) { s.seen.database = "postgres"; }, verdict::mismatch},
        {"no marker", [](stage& s) { s.seen.marker.clear(); }, verdict::mismatch},
        {"another tenant's marker", [&](stage& s) { s.seen.marker = s.marker(other, 3); }, verdict::mismatch},
        {"another installation",
         [](stage& s) { s.want.installation = installation_id::random(); },
         verdict::mismatch},
        {"a newer placement", [](stage& s) { s.seen.marker = s.marker(s.want.tenant, 4); }, verdict::stale},
        {"an older placement",
         [](stage& s) { s.seen.marker = s.marker(s.want.tenant, 2); },
         verdict::mismatch},
        {"another tenant's lease",
         [&](stage& s) { s.seen.session_user = "lease_rw_" + tid::of(other).text() + "_3_abcdefghij"; },
         verdict::mismatch},
        {"a lease of another class",
         [](stage& s) { s.seen.session_user = "lease_ro_" + s.want.tid + "_3_abcdefghij"; },
         verdict::mismatch},
        {"a login that is no lease", [](stage& s) { s.seen.session_user = "postgres"; }, verdict::mismatch},
        {"one more group", [](stage& s) { s.seen.groups += ",t_aaaaaaaaaa_1_rw_login"; }, verdict::mismatch},
        {"no group", [](stage& s) { s.seen.groups.clear(); }, verdict::mismatch},
        {"a setting of its own",
         [](stage& s) { s.seen.settings += ",0:search_path=evil"; },
         verdict::tampered},
        {"a setting for one database",
         [](stage& s) { s.seen.settings += ",16384:statement_timeout=1"; },
         verdict::tampered},
        {"its role setting gone", [](stage& s) { s.seen.settings.clear(); }, verdict::tampered},
        {"another default role",
         [](stage& s) { s.seen.current_user = s.seen.session_user; },
         verdict::tampered},
        {"a standby", [](stage& s) { s.seen.is_in_recovery = true; }, verdict::in_recovery},
    };
    for (const auto& one : rows) {
        stage s;
        one.change(s);
        EXPECT_EQ(judge(s.want, s.seen).is, one.wanted) << one.what;
    }
}

TEST(Judge, AReaderIsReadOnlyByItsSettings)
{
    stage s;
    s.want.role = role_class::ro;
    s.seen.session_user = "lease_ro_" + s.want.tid + "_3_abcdefghij0123456789";
    s.seen.current_user = s.want.placement.name + "_ro";
    s.seen.groups = s.want.placement.name + "_ro_login";
    s.seen.settings = "0:default_transaction_read_only=on,0:role=" + s.want.placement.name + "_ro";
    EXPECT_EQ(judge(s.want, s.seen).is, verdict::right);
    s.seen.is_in_recovery = true;  // reading from a standby is fine
    EXPECT_EQ(judge(s.want, s.seen).is, verdict::right);
    s.seen.settings = "0:role=" + s.want.placement.name + "_ro";
    EXPECT_EQ(judge(s.want, s.seen).is, verdict::tampered);
}

TEST(Judge, CollapsedModeComparesTheDatabaseAlone)
{
    stage s;
    s.want.has_lease = false;
    s.seen = {};
    s.seen.database = s.want.placement.database;
    EXPECT_EQ(judge(s.want, s.seen).is, verdict::right);
    s.seen.database = "other";
    EXPECT_EQ(judge(s.want, s.seen).is, verdict::mismatch);
}

TEST(ServerGate, OpensItsBreakerAfterFiveFailuresInTenSeconds)
{
    asio::io_context on;
    server_gate gate(on);
    const auto now = boot_clock::now();
    for (int i = 0; i < 4; ++i) gate.has_failed(now);
    EXPECT_FALSE(gate.is_open(now));
    gate.has_failed(now);
    EXPECT_TRUE(gate.is_open(now));
    EXPECT_FALSE(gate.is_open(now + 11s));
    gate.has_succeeded();
    EXPECT_FALSE(gate.is_open(now));
}

TEST(ServerGate, BacksOffFromOneTenthToFiveSeconds)
{
    EXPECT_EQ(server_gate::back_off(0, 0.9), 0ms);
    EXPECT_EQ(server_gate::back_off(1, 0.5), 50ms);
    EXPECT_EQ(server_gate::back_off(2, 0.5), 100ms);
    EXPECT_LE(server_gate::back_off(50, 0.999), 5000ms);
    EXPECT_GE(server_gate::back_off(50, 0.999), 4900ms);
}

}  // namespace
}  // namespace leasehold::router
