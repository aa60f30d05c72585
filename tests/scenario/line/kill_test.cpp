// kill -9 of `leasehold serve` in each step of a tenant's creation: the operation ends all the same, and
// nothing is left behind. Each step is held from outside when all it does is done and nothing of it is
// written down: the worst moment, since everything is met again.
#include "eventually.hpp"
#include "serve_process.hpp"
#include "the_line.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>
#include <vector>

namespace leasehold::test {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds patience(90);

// Whoever writes down that this step of any operation is done waits, until this goes.
class held_step
{
public:
    explicit held_step(const std::string& step)
        : holder_(superuser_on("registry", "leasehold"))
        , other_(superuser_on("registry", "leasehold"))
    {
        holder_->run_plain("select pg_advisory_lock(4711)");
        other_->run_plain(fmt::format(
            "create function public.hold_step() returns trigger language plpgsql security definer as "
            "$$ begin perform pg_advisory_xact_lock(4711); return new; end $$;"
            "create trigger hold_step before update on public.registry_operation_step for each row "
            "when (new.name = '{}' and new.state = 'done') execute function public.hold_step()",
            step
        ));
    }
    ~held_step()
    {
        // The killed process's statements must not go on after its end.
        other_->run_plain("select pg_terminate_backend(pid)" + waiting);
        other_->run_plain("drop trigger hold_step on public.registry_operation_step;"
                          "drop function public.hold_step()");
    }
    held_step(const held_step&) = delete;
    held_step& operator=(const held_step&) = delete;

    [[nodiscard]] bool holds(std::size_t operations) const
    {
        return eventually(
            [&] { return other_->run_plain_rows("select pid" + waiting).size() == operations; }, patience
        );
    }

private:
    inline static const std::string waiting =
        " from pg_locks where locktype = 'advisory' and objid = 4711 and not granted";
    std::unique_ptr<database::session> holder_;
    std::unique_ptr<database::session> other_;
};

std::string value_on(const std::string& server, const std::string& database, const std::string& sql)
{
    return superuser_on(server, database)->run_plain_rows(sql).at(0)[0].value_or("");
}

std::string registry_value(const std::string& sql)
{
    return value_on("registry", "leasehold", sql);
}

// Of what the broker lists there, how much has the tenant in its name.
int count_at_broker(const std::string& path, const std::string& tid)
{
    const auto listed = run_broker("list -format=json " + path);
    int count = 0;
    for (const auto& name : json::parse(listed.output))
        count += name.get<std::string>().find(tid) != std::string::npos ? 1 : 0;
    return count;
}

// What there is of a tenant, wherever it could be: databases and roles of both servers by their names, roles
// and leases of the broker, the registry's rows of its place.
json traces(const std::string& tid, const std::string& tenant_id)
{
    json found;
    for (const std::string server : {"eu-1", "us-1"}) {
        const auto counts = fmt::format(
            "select (select count(*) from pg_database where datname like '%{0}%') || ' databases, ' || "
            "count(*) filter (where rolname not like 'lease\\_%') || ' roles, ' || "
            "count(*) filter (where rolname like 'lease\\_%') || ' logins' "
            "from pg_roles where rolname like '%{0}%'",
            tid
        );
        found[server] = value_on(server, "postgres", counts);
    }
    found["broker"] = fmt::format(
        "{} roles, {} with leases",
        count_at_broker("database/roles", tid),
        count_at_broker("sys/leases/lookup/database/creds", tid)
    );
    found["registry"] = registry_value(fmt::format(
        "select (select count(*) from registry_placement where tenant_id = '{0}') || ' placements, ' || "
        "(select count(*) from registry_schema_state where tenant_id = '{0}') || ' schemas'",
        tenant_id
    ));
    return found;
}

constexpr auto nothing = "0 databases, 0 roles, 0 logins";

// One tenant, created in a region of its own.
struct creation
{
    creation(const std::string& region, const std::string& step)
        : slug(fmt::format("killed-{}-{}", region, std::regex_replace(step, std::regex("_"), "-")))
        , server(region + "-1")
        , other(region == "eu" ? "us-1" : "eu-1")
    {
        const auto begun = run_leasehold(
            fmt::format("tenant create {} --region {} --no-wait --json 2>/dev/null", slug, region)
        );
        if (begun.exit_code != 0) throw std::runtime_error(begun.output);
        id = json::parse(begun.output).at("id").get<std::string>();
    }

    // "running 1": its state, and how often it was begun.
    [[nodiscard]] std::string of_step(const std::string& step) const
    {
        return registry_value(fmt::format(
            "select state || ' ' || attempts from registry_operation_step where operation_id = '{}' and "
            "name = '{}'",
            id,
            step
        ));
    }
    [[nodiscard]] std::string state() const
    {
        return registry_value("select state from registry_operation where id = '" + id + "'");
    }
    [[nodiscard]] bool ends() const
    {
        return eventually([&] { return state() == "succeeded" || state() == "failed"; }, patience);
    }
    [[nodiscard]] std::string repeated_steps() const
    {
        return registry_value(
            "select string_agg(name, ' ') from registry_operation_step where attempts <> 1 and operation_id "
            "= '" +
            id + "'"
        );
    }

    std::string slug;
    std::string server;
    std::string other;
    std::string id;  // of the operation
};

// One of everything, on its own server alone; and after its deletion nothing, though a lease was out.
void expect_whole_and_delete(const creation& of)
{
    const auto shown = json::parse(run_leasehold("tenant show " + of.slug + " --json 2>/dev/null").output);
    const auto tid = shown.at("tid").get<std::string>();
    const auto look = [&] { return traces(tid, shown.at("id").get<std::string>()); };
    json expected{
        {of.server, "1 databases, 7 roles, 0 logins"},  // none of a verification that was cut off
        {of.other, nothing},
        {"broker", "3 roles, 0 with leases"},
        {"registry", "1 placements, 1 schemas"}};
    EXPECT_EQ(look(), expected);

    const auto lease = run_broker("read -format=json database/creds/rw_" + tid + "_1");
    EXPECT_EQ(lease.exit_code, 0) << lease.output;
    expected[of.server] = "1 databases, 7 roles, 1 logins";
    expected["broker"] = "3 roles, 1 with leases";
    EXPECT_EQ(look(), expected);

    const auto deleted = run_leasehold("tenant delete " + of.slug + " --confirm " + of.slug + " --grace 0s");
    EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
    expected = {
        {of.server, nothing},
        {of.other, nothing},
        {"broker", "0 roles, 0 with leases"},
        {"registry", "0 placements, 0 schemas"}};
    EXPECT_EQ(look(), expected);
    EXPECT_NE(run_leasehold("tenant show " + of.slug).exit_code, 0);
}

class KillDuringProvision : public testing::TestWithParam<const char*>
{};

TEST_P(KillDuringProvision, P2_IsResumedAndItsDeletionLeavesNothing)
{
    const std::string step = GetParam();
    std::vector<creation> both;
    {
        const held_step held(step);
        for (const auto* region : {"eu", "us"}) both.emplace_back(region, step);
        ASSERT_TRUE(held.holds(both.size()));
        kill_serve();
    }
    for (const auto& one : both) EXPECT_EQ(one.of_step(step), "running 1") << one.slug;
    start_serve();
    for (const auto& one : both) {
        SCOPED_TRACE(one.slug);
        EXPECT_TRUE(one.ends());
        EXPECT_EQ(one.state(), "succeeded") << run_leasehold("operation show " + one.id).output;
        EXPECT_EQ(one.of_step(step), "done 2");
        EXPECT_EQ(one.repeated_steps(), step);
        expect_whole_and_delete(one);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Steps,
    KillDuringProvision,
    testing::Values(
        "reserve", "create_database", "grant_rights", "broker_roles", "schema", "verify", "publish"
    ),
    [](const auto& one) { return std::string(one.param); }
);

}  // namespace
}  // namespace leasehold::test
