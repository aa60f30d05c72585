#include "command.hpp"
#include "failure.hpp"
#include "license_gate.hpp"
#include "local_config.hpp"
#include "managed_broker.hpp"
#include "migrate_report.hpp"
#include "output.hpp"

#include <leasehold/base/uuid.hpp>
#include <leasehold/control-plane/fleet_migration.hpp>
#include <leasehold/migrations/fleet_chain.hpp>
#include <leasehold/registry/connection.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>

namespace leasehold::cli {
namespace {

constexpr int some_failed_exit = 1;
constexpr int stopped_exit = 6;
constexpr int pending_exit = 8;

std::atomic<bool> stop_requested = false;

void request_stop(int)
{
    stop_requested = true;
}

struct wish
{
    bool managed_broker = false;
    std::optional<std::string> chain;
    std::optional<std::int64_t> parallel;
    bool no_progress = false;

    [[nodiscard]] bool names(const char* one) const { return !chain || *chain == one; }
    void check() const
    {
        if (chain && *chain != "registry" && *chain != "shared" && *chain != "tenant") {
            throw usage_error(fmt::format("--chain {} is none of registry, shared, tenant", *chain));
        }
        if (parallel && (*parallel < 1 || *parallel > 256)) throw usage_error("--parallel is from 1 to 256");
    }
};

class stopwatch
{
public:
    [[nodiscard]] std::chrono::milliseconds elapsed() const
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - begun_
        );
    }

private:
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

template <class Work>
void migrate_one(migrate_report& report, const std::string& chain, Work work)
{
    const stopwatch watch;
    const auto done = work();
    report.chain_done(chain, done, watch.elapsed());
}

// With no tenant nothing is asked of the broker; one that `migrate` manages is still made ready, so that the
// very first run leaves a broker that provision-bootstrap can use.
std::unique_ptr<managed_broker>
ready_broker(const config& values, const wish& what, bool is_needed, migrate_report& report)
{
    if (!what.managed_broker || !values.vault.enabled) return nullptr;
    if (!is_needed && values.vault.bootstrap.config_file.empty()) return nullptr;
    const auto tell = [&report](const std::string& text) { report.remark(text); };
    try {
        return std::make_unique<managed_broker>(values, tell);
    } catch (const error& failed) {
        const bool is_foreign = failed.code() == "broker_sealed" || failed.code() == "broker_uninitialised";
        if (is_needed || !is_foreign) throw;
        report.remark(fmt::format("broker    left as it is: {}", failed.detail()));
        return nullptr;
    }
}

int migrate_tenants(
    const invocation& how,
    const config& values,
    const wish& what,
    const std::string& applied_by,
    migrate_report& report
)
{
    const stopwatch watch;
    std::unique_ptr<managed_broker> broker;  // stopped last: the fleet gives its leases back before
    control_plane::fleet_migration fleet(values);
    const auto known = fleet.license();
    if (known.tenants == 0) {
        broker = ready_broker(values, what, false, report);
        report.no_tenants(fleet.chain());
        return 0;
    }
    license_facts facts;
    facts.installation = known.installation;
    facts.document = known.document;
    facts.tenants = known.tenants;
    require_license(values, how.development, facts);

    const auto plan = fleet.plan();
    if (plan.pending == 0) {
        migrations::fleet_result nothing_to_do;
        nothing_to_do.current = plan.current;
        report.summary(fleet.chain(), nothing_to_do, watch.elapsed());
        return 0;
    }
    broker = ready_broker(values, what, true, report);
    const auto [built, all] = fleet.build_templates();
    report.templates(built, all);
    migrations::fleet_settings settings;
    settings.applied_by = applied_by;
    settings.retries = values.migrations.target.retries;
    settings.parallel = static_cast<int>(what.parallel.value_or(values.migrations.parallel_per_server));
    settings.stop_requested = [] { return stop_requested.load(); };
    std::signal(SIGINT, &request_stop);
    std::signal(SIGTERM, &request_stop);
    const auto result = fleet.run(report, settings);
    fleet.close();
    report.summary(fleet.chain(), result, watch.elapsed());
    if (result.stopped) return stopped_exit;
    return result.failed == 0 ? 0 : some_failed_exit;
}

int migrate(const invocation& how, const wish& what)
{
    what.check();
    const auto values = load_local_config(how).values;
    configure_log(values.log);
    const auto applied_by = "run:" + uuid::random().to_string();
    migrate_report report(how, !what.no_progress);
    if (what.names("registry"))
        migrate_one(report, "registry", [&] { return control_plane::migrate_registry(values, applied_by); });
    if (what.names("shared"))
        migrate_one(report, "shared", [&] { return control_plane::migrate_shared(values, applied_by); });
    if (!what.names("tenant")) return 0;
    if (values.multitenancy.enabled) return migrate_tenants(how, values, what, applied_by, report);
    migrate_one(report, "tenant", [&] { return control_plane::migrate_collapsed(values, applied_by); });
    return 0;
}

struct chain_status
{
    std::string chain;
    int ours = 0;
    std::string state;  // current, or what is missing
    bool is_pending = false;
};

chain_status status_of(const migrations::chain& ours, const database::endpoint& where)
{
    const auto connection = database::connect(where);
    const auto rows = migrations::load_version_rows(*connection, ours.which());
    const auto missing = migrations::missing_expands(ours, rows);
    chain_status status{
        std::string(migrations::to_text(ours.which())), ours.version(), "current", !missing.empty()};
    if (!missing.empty())
        status.state = fmt::format("{} files to apply, from {}", missing.size(), missing.front()->name);
    return status;
}

std::vector<chain_status> all_states(const config& values)
{
    std::vector<chain_status> all;
    const auto registry_endpoint = registry::endpoint_of(values.registry, values.registry.migrate);
    all.push_back(status_of(migrations::registry_chain(), registry_endpoint));
    all.push_back(
        status_of(migrations::shared_chain(), registry::shared_endpoint_of(values.registry, values.shared))
    );
    if (all.front().is_pending) return all;  // it cannot be asked for its tenants yet
    const auto ours = migrations::tenant_chain_of(values.migrations);
    if (!values.multitenancy.enabled) {
        all.push_back(status_of(ours, registry_endpoint));
        return all;
    }
    control_plane::fleet_migration fleet(values);
    const auto plan = fleet.plan();
    chain_status tenants{
        "tenant", ours.version(), fmt::format("current ({})", plan.current), plan.pending != 0};
    if (plan.pending != 0) tenants.state = fmt::format("{} to do, {} current", plan.pending, plan.current);
    all.push_back(tenants);
    return all;
}

int status(const invocation& how)
{
    const auto values = load_local_config(how).values;
    configure_log(values.log);
    const auto all = all_states(values);
    bool pending = false;
    auto items = nlohmann::json::array();
    for (const auto& one : all) {
        pending = pending || one.is_pending;
        items.push_back(
            {{"chain", one.chain}, {"version", one.ours}, {"state", one.state}, {"pending", one.is_pending}}
        );
        if (!how.json) print(fmt::format("{:<8}  {:04}  {}", one.chain, one.ours, one.state));
    }
    if (how.json) print_json({{"items", items}});
    return pending ? pending_exit : 0;
}

}  // namespace

// Registry, shared and tenant databases to the schema of this release. Safe to repeat, and while the old
// release serves.
void declare_migrate(command& at, const invocation& how)
{
    const auto what = std::make_shared<wish>();
    at.flag(
        "--managed-broker",
        what->managed_broker,
        "start the broker of this machine when it is down, and stop it again"
    );
    at.option("--chain", what->chain, "only registry, shared or tenant");
    at.option("--parallel", what->parallel, "databases at one time, per server");
    at.flag("--no-progress", what->no_progress, "no line per database");
    at.subs_are_optional();
    at.sub("status", "what is there to do; exit 8 if there is something").runs([&how] {
        return status(how);
    });
    at.runs([&how, what] { return migrate(how, *what); });
}

}  // namespace leasehold::cli
