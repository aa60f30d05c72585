#include "command.hpp"
#include "failure.hpp"
#include "installation_facts.hpp"
#include "local_config.hpp"
#include "output.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/migrations/apply.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/vault-client/identified_broker.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

// Each check on a line of its own: ok and what was found, or what is wrong and its fix.
class findings
{
public:
    explicit findings(const invocation& how) : how_(how) {}

    void tell(const std::string& name, bool ok, const std::string& found, const std::string& fix = {})
    {
        all_ok_ = all_ok_ && ok;
        items_.push_back({{"check", name}, {"ok", ok}, {"found", found}, {"fix", fix}});
        if (how_.json) return;
        print(fmt::format("{:<5} {:<32} {}", ok ? "ok" : "FAIL", name, found));
        if (!ok && !fix.empty()) print(fmt::format("      {:<32} fix: {}", "", fix));
    }

    // What `look` returns is what was found.
    template <class Look>
    void check(const std::string& name, Look look)
    {
        try {
            tell(name, true, look());
        } catch (const error& failed) {
            tell(name, false, failed.what(), fix_of(failed.code()));
        }
    }

    int finish()
    {
        if (how_.json) print_json({{"ok", all_ok_}, {"items", items_}});
        return all_ok_ ? 0 : 1;
    }

private:
    const invocation& how_;
    nlohmann::json items_ = nlohmann::json::array();
    bool all_ok_ = true;
};

void look_at_login(findings& into, const config& values, const std::string& name, const database_login& login)
{
    into.check("registry as " + name, [&] {
        const auto session = database::connect(registry::endpoint_of(values.registry, login));
        return fmt::format("{} on PostgreSQL {}", login.user, session->server_version() / 10000);
    });
}

std::string schema_of(const migrations::chain& ours, const database::endpoint& where)
{
    const auto session = database::connect(where);
    const auto missing =
        migrations::missing_expands(ours, migrations::load_version_rows(*session, ours.which()));
    if (missing.empty()) return fmt::format("{:04}, current", ours.version());
    throw error(
        error_kind::conflict, "schema_behind", fmt::format("{} files are not applied", missing.size())
    );
}

task<std::string> health_of(const config& values)
{
    auto broker = vault_client::create_vault_broker(vault_client::settings_of(values.vault));
    const auto report = co_await broker->health();
    const bool serves =
        report.state == vault_client::node_state::active || report.state == vault_client::node_state::standby;
    if (!serves) {
        throw error(
            error_kind::unavailable,
            "broker_unreachable",
            fmt::format("the broker is {}", vault_client::to_text(report.state))
        );
    }
    co_return fmt::format("{} {}", vault_client::to_text(report.state), report.version);
}

task<void> log_in(vault_client::identified_broker& broker)
{
    co_await broker.tokens().ensure();
    co_await broker.stop();
}

void look_at_identity(
    findings& into, const config& values, const std::string& name, const broker_identity_config& login
)
{
    into.check("broker as " + name, [&] {
        asio::io_context loop(1);
        const auto broker = vault_client::create_identified_broker(loop, values.vault, login, name);
        outcome<void> result;
        auto work = detail::run_into(log_in(*broker), result);
        asio::co_spawn(loop, std::move(work), [](std::exception_ptr) {});
        loop.run();
        result.take();
        return std::string("logged in");
    });
}

void look_at_license(findings& into, const invocation& how, const config& values)
{
    into.check("license", [&] {
        const auto facts = load_installation(values).license;
        const auto result = find_license(values, how.development, facts);
        if (const auto* refused = std::get_if<license_refusal>(&result)) {
            throw error(
                error_kind::unlicensed, refused->code, values.license.file.string() + " " + refused->why
            );
        }
        const auto& claims = std::get<verified_license>(result).claims();
        return fmt::format(
            "{}, until {}, {} of {} tenants",
            to_text(license_state_of(claims, real_clock().wall())),
            to_rfc3339(claims.ends_at),
            facts.tenants.value_or(0),
            claims.max_tenants
        );
    });
}

int look_at_everything(const invocation& how)
{
    findings all(how);
    const auto values = load_local_config(how).values;
    log::configure(log_level::error, log::form::text);
    all.tell("configuration", true, "good");
    const auto problems = check_files(values, how.development);
    for (const auto& one : problems)
        all.tell(one.key, false, one.text, "correct the file, then `leasehold config check`");
    if (problems.empty()) all.tell("files", true, "all there, closed to others");
    all.tell(
        "memory lock",
        secrets_are_locked(),
        secrets_are_locked() ? "secrets are never swapped" : "secrets may be swapped",
        "raise LimitMEMLOCK (ulimit -l)"
    );

    look_at_login(all, values, "control plane", values.registry.control_plane);
    look_at_login(all, values, "router", values.registry.router);
    look_at_login(all, values, "migrate", values.registry.migrate);
    all.check("schema of the registry", [&] {
        return schema_of(
            migrations::registry_chain(), registry::endpoint_of(values.registry, values.registry.migrate)
        );
    });
    all.check("schema of the shared data", [&] {
        return schema_of(
            migrations::shared_chain(), registry::shared_endpoint_of(values.registry, values.shared)
        );
    });
    if (!values.multitenancy.enabled) {
        all.tell("mode", true, "single-tenant: no broker and no license are needed");
        return all.finish();
    }
    all.check("broker", [&] { return run(health_of(values)); });
    look_at_identity(all, values, "router", values.vault.auth.router);
    look_at_identity(all, values, "provisioner", values.vault.auth.provisioner);
    look_at_license(all, how, values);
    return all.finish();
}

}  // namespace

// Everything this installation depends on, each with its fix. Changes nothing.
void declare_doctor(command& at, const invocation& how)
{
    at.runs([&how] { return look_at_everything(how); });
}

}  // namespace leasehold::cli
