#include "command.hpp"
#include "failure.hpp"
#include "hmac_key_file.hpp"
#include "installation_facts.hpp"
#include "local_config.hpp"
#include "serving.hpp"
#include "stop_signals.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/base/secret.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace leasehold::cli {
namespace {

serve_role parse_role(const std::string& text)
{
    if (text == "all") return serve_role::all;
    if (text == "control-plane") return serve_role::control_plane;
    if (text == "router") return serve_role::router;
    throw usage_error(fmt::format("--role {} is none of all, control-plane, router", text));
}

bool is_of_broker(const config_problem& problem)
{
    return problem.key.rfind("vault.", 0) == 0;
}

// A router is made from a tenancy, which only a verified license makes multi-tenant. A control plane alone
// starts without one: whoever is to install a license needs it.
std::optional<tenancy>
allowed_tenancy(const config& values, serve_role role, bool development, const license_facts& known)
{
    if (role == serve_role::control_plane) return std::nullopt;
    if (!values.multitenancy.enabled) return tenancy(single_tenant{});
    return tenancy(multi_tenant{require_license(values, development, known)});
}

// SIGHUP. One line says what was taken and what waits for a restart, or why nothing was.
void reload(const invocation& how, serving& parts)
{
    const auto failed_gauge =
        process_metrics().make_gauge("leasehold_config_reload_failed", "1 while the last reload was refused");
    control_plane::reload_report report;
    report.at = real_clock().wall();
    try {
        report.changes = parts.reload(load_local_config(how).values);
        log::info(
            "config.reloaded",
            {{"applied", fmt::to_string(fmt::join(report.changes.applied, ", "))},
             {"restart_needed", fmt::to_string(fmt::join(report.changes.restart_needed, ", "))}}
        );
    } catch (const std::exception& failed) {
        report.refused = failed.what();
        log::write(log_level::error, "config.reload_failed", {{"error", failed.what()}});
    }
    failed_gauge.set(report.refused.empty() ? 0 : 1);
    parts.note_reload(std::move(report));
}

int serve(const invocation& how, const std::string& role_text)
{
    const auto role = parse_role(role_text);
    const stop_signals signals;
    const auto loaded = load_local_config(how);
    const auto& values = loaded.values;
    configure_log(values.log);

    // In this order: a missing broker file must not hide that there is no license, and no listener opens
    // before both are known.
    auto problems = check_files(values, how.development);
    const auto of_broker = std::stable_partition(problems.begin(), problems.end(), [](const auto& one) {
        return !is_of_broker(one);
    });
    if (of_broker != problems.begin()) refuse(problems);
    const auto facts =
        role == serve_role::router ? load_installation_as_router(values) : load_installation(values);
    auto allowed = allowed_tenancy(values, role, how.development, facts.license);
    refuse(problems);
    auto keys = load_hmac_keys(values, facts.is_new && role != serve_role::router);
    if (!secrets_are_locked()) log::warn("secrets.not_locked", {{"fix", "raise LimitMEMLOCK (ulimit -l)"}});

    process_metrics()
        .make_gauge(
            "leasehold_build_info", "1, with the version that runs.", {{"version", LEASEHOLD_VERSION}}
        )
        .set(1);
    serving parts(values, std::move(keys), role, std::move(allowed), how.development);
    log::info(
        "serve.started",
        {{"version", LEASEHOLD_VERSION},
         {"role", role_text},
         {"mode", values.multitenancy.enabled ? "multi-tenant" : "single-tenant"}}
    );
    int got = signals.next();
    for (; got == SIGHUP; got = signals.next()) reload(how, parts);
    log::info("serve.stopping", {{"signal", got}});
    signals.let_through();
    parts.drain();
    log::info("serve.stopped");
    return 0;
}

}  // namespace

// Control plane, router and agent gateway in one process, or one role of them.
void declare_serve(command& at, const invocation& how)
{
    const auto role = std::make_shared<std::string>("all");
    at.option("--role", *role, "all, control-plane or router (default: all)");
    at.runs([&how, role] { return serve(how, *role); });
}

}  // namespace leasehold::cli
