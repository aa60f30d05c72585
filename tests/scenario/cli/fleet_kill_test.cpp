// `leasehold migrate` killed again and again while it brings a fleet to new files.
#include "configured.hpp"
#include "eventually.hpp"
#include "installation.hpp"
#include "lane_driver.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/migrations/chain.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/registry/tenants.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <thread>

namespace leasehold::test {
namespace {

using std::chrono::milliseconds;

constexpr int tenants = 200;
constexpr int kills = 100;
constexpr std::uint32_t seed = 20260101;
constexpr int first_own_file = 5000;

// What a schema is, whatever its roles and its database are called. Partition children are left out.
constexpr const char* fingerprint = R"(
    with own as (
        select c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.relrowsecurity from pg_class c
         where c.relnamespace = 'public'::regnamespace and not c.relispartition
    ), line (text) as (
        select concat_ws(' ', 'relation', relname, relkind, relowner::regrole, relacl, relrowsecurity) from own
        union all
        select concat_ws(' ', 'column', o.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                         a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
          from own o join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
          left join pg_attrdef d on d.adrelid = o.oid and d.adnum = a.attnum
        union all
        select concat_ws(' ', 'constraint', o.relname, c.conname, pg_get_constraintdef(c.oid))
          from own o join pg_constraint c on c.conrelid = o.oid
        union all
        select concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid)
          from own o join pg_index i on i.indexrelid = o.oid
        union all
        select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid)) from own o join pg_trigger t on t.tgrelid = o.oid
         where not t.tgisinternal
        union all
        select concat_ws(' ', 'routine', pg_get_functiondef(p.oid), p.proowner::regrole, p.proacl) from pg_proc p
         where p.pronamespace = 'public'::regnamespace and p.prokind in ('f', 'p')
        union all
        select concat_ws(' ', 'default', defaclrole::regrole, defaclobjtype, defaclacl) from pg_default_acl
        union all
        select concat_ws(' ', 'schema', nspname, nspowner::regrole, nspacl) from pg_namespace where nspname !~ '^(pg_|inf)'
    )
    select md5(string_agg(replace(text, current_database(), 'P'), E'\n' order by text collate "C")) as fingerprint,
           count(*) as lines from line)";

struct placed
{
    std::string server;
    std::string database;
};

// 200 tenants as the product makes them, half of them on each server.
std::vector<placed> make_tenants(const installation& made, const configured& here)
{
    const auto serving = here.serve();
    database::pool pool(
        registry::endpoint_of(here.values.registry, here.values.registry.control_plane), 2, 16
    );
    registry::tenants store(pool);
    asio::io_context lane(1);
    for (int i = 0; i < tenants; ++i) {
        registry::new_tenant what;
        what.id = tenant_id::time_ordered();
        what.slug = fmt::format("fleet-{}", i);
        what.name = what.slug;
        what.edition = "standard";
        nlohmann::json wish{{"tier", "database"}, {"region", i % 2 == 0 ? "eu" : "us"}};
        await(lane, store.create(registry::principal::system("test"), what, std::move(wish), std::nullopt));
    }
    const bool are_made = eventually(
        [&] {
            return made.rows("select 1 from public.registry_tenant where state = 'active'").size() ==
                       tenants ||
                   !made.rows("select 1 from public.registry_operation where state = 'failed'").empty();
        },
        std::chrono::minutes(4)
    );
    pool.join();
    std::vector<placed> all;
    for (const auto& row : made.rows("select s.name as server, p.database from public.registry_placement p "
                                     "join public.registry_server s on s.id = p.server_id join "
                                     "public.registry_tenant t on t.id = p.tenant_id "
                                     "where t.state = 'active'"))
        all.push_back({row.get<std::string>("server"), row.get<std::string>("database")});
    if (!are_made || all.size() != tenants)
        throw std::runtime_error("the fleet was not made: " + serving->err());
    serving->signal(SIGTERM);
    serving->wait();
    return all;
}

// Own files of the tenant chain whose effect shows how often they were applied.
class planted_files
{
public:
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
    [[nodiscard]] int count() const noexcept { return count_; }
    void plant()
    {
        const int number = first_own_file + count_++;
        const std::string_view prologue =
            number == first_own_file ? "create table effect (file integer not null);\n" : "";
        store_file(
            folder_ / fmt::format("{:04}_add_effect.sql", number),
            fmt::format(
                "-- leasehold: phase expand\n{}insert into effect values ({});\ncreate table effect_{} (id "
                "bigint primary "
                "key);\n",
                prologue,
                number,
                number
            )
        );
    }

private:
    scratch_folder folder_;
    int count_ = 0;
};

// Templates of the planted chains lie on servers that all tests share.
void drop_templates(const installation& made)
{
    for (const auto& row : made.rows(fmt::format(
             "select s.name, t.database from public.registry_template t join public.registry_server s on "
             "s.id = "
             "t.server_id where t.chain_checksum <> '{}'",
             migrations::tenant_chain().checksum()
         ))) {
        const auto root =
            database::connect(the_stack().server(row.get<std::string>("name")).superuser_endpoint());
        const auto name = row.get<std::string>("database");
        root->run_plain("alter database " + name + " is_template false");
        root->run_plain("drop database " + name + " with (force)");
    }
}

TEST(FleetUnderKills, G2_AHundredKillsApplyNothingTwiceAndSkipNothing)
{
    std::cout << "seed " << seed << "\n";
    std::mt19937 random(seed);
    const installation made;
    auto values = made.config();
    values.provisioning.servers.clear();
    values.control_plane.operations.workers = 8;
    planted_files files;
    configured here(std::move(values));
    const auto begun = std::chrono::steady_clock::now();
    const auto all = make_tenants(made, here);
    const auto tell = [&](const std::string& what) {
        const auto took = std::chrono::steady_clock::now() - begun;
        std::cout << what << " after " << std::chrono::duration_cast<milliseconds>(took).count() << " ms"
                  << std::endl;
    };
    tell("200 tenants");

    here.values.migrations.tenant_dir = files.folder();
    here.save();
    const scratch_folder temporary;
    const auto start = [&] {
        return std::make_unique<program>(
            LEASEHOLD_BINARY,
            std::vector<std::string>{"migrate", "--dev", "--no-progress", "--config", here.file().string()},
            std::map<std::string, std::string>{{"TMPDIR", temporary.path().string()}}
        );
    };
    // Every second kill waits until tenants are being migrated, the others come at any time before that.
    const auto has_begun = [](const program& one) {
        return one.err().find("templates") != std::string::npos;
    };
    std::uniform_int_distribution<int> in_the_fan_out(0, 800);
    std::uniform_real_distribution<double> on_the_way(0, 1);
    auto way = milliseconds(1000);  // as long as the last one took
    int killed = 0;
    int killed_in_the_fan_out = 0;
    files.plant();
    while (killed < kills) {
        const auto running = start();
        const auto began = std::chrono::steady_clock::now();
        auto pause = std::chrono::duration_cast<milliseconds>(way * on_the_way(random));
        if (killed % 2 == 0) {
            eventually([&] { return has_begun(*running) || !running->is_running(); });
            way = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
            pause = milliseconds(in_the_fan_out(random));
        }
        const bool has_ended = eventually([&] { return !running->is_running(); }, pause);
        if (!has_ended) running->signal(SIGKILL);
        const auto ended = running->wait();
        if (ended.exit_code == 128 + SIGKILL) {
            ++killed;
            if (has_begun(*running)) ++killed_in_the_fan_out;
        } else {
            ASSERT_EQ(ended.exit_code, 0) << ended.out << ended.err;
            files.plant();
        }
    }
    tell(fmt::format(
        "{} kills, {} of them in a fan-out, {} files", killed, killed_in_the_fan_out, files.count()
    ));
    EXPECT_GE(killed_in_the_fan_out, kills / 4);

    const auto last = start()->wait();
    ASSERT_EQ(last.exit_code, 0) << last.out << last.err;
    const auto idle = start()->wait();
    EXPECT_EQ(idle.exit_code, 0) << idle.err;
    EXPECT_NE(idle.out.find("current (200)"), std::string::npos) << idle.out;
    tell("the last run");

    const auto chain = migrations::tenant_chain().with_folder(files.folder(), false);
    std::string rows_wanted;
    for (const auto& file : chain.files()) rows_wanted += fmt::format("{} {} ", file.number, file.checksum);
    std::string effects_wanted;
    for (int i = 0; i < files.count(); ++i) effects_wanted += fmt::format("{} ", first_own_file + i);
    std::map<std::string, std::set<std::string>> fingerprints;
    for (const auto& [server, database] : all) {
        const auto inside = database::connect(the_stack().server(server).superuser_endpoint(database));
        std::string rows;
        for (const auto& row :
             inside->run_plain_rows("select version, checksum from public.schema_version order by version"))
            rows += fmt::format("{} {} ", row[0].value(), row[1].value());
        EXPECT_EQ(rows, rows_wanted) << database;
        std::string effects;
        for (const auto& row : inside->run_plain_rows("select file from public.effect order by file"))
            effects += row[0].value() + " ";
        EXPECT_EQ(effects, effects_wanted) << database;
        const auto seen = inside->run_plain_rows(fingerprint).at(0);
        EXPECT_GT(seen.get<int>("lines"), 50);
        fingerprints[server].insert(seen.get<std::string>("fingerprint"));
    }
    ASSERT_EQ(fingerprints.size(), 2U);
    for (const auto& [server, different] : fingerprints) EXPECT_EQ(different.size(), 1U) << server;
    tell("the look");
    drop_templates(made);
}

}  // namespace
}  // namespace leasehold::test
