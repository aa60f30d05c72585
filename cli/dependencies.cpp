#include "dependencies.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/migrations/chain.hpp>
#include <leasehold/registry/connection.hpp>
#include <leasehold/registry/installation.hpp>
#include <leasehold/registry/routes.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

constexpr std::chrono::seconds patience(5);

database::endpoint endpoint_for(const config& values, bool has_control_plane)
{
    const auto& login = has_control_plane ? values.registry.control_plane : values.registry.router;
    return registry::endpoint_of(values.registry, login);
}

}  // namespace

dependencies::dependencies(const config& values, bool has_router, bool has_control_plane)
    : vault_(values.vault)
    , has_router_(has_router)
    , has_control_plane_(has_control_plane)
    , registry_(endpoint_for(values, has_control_plane), 1, 4)
{}

dependencies::~dependencies()
{
    registry_.join();
}

std::function<void()> dependencies::prepare_reload(std::shared_ptr<const config> next)
{
    const auto at = std::make_shared<database::endpoint>(endpoint_for(*next, has_control_plane_));
    return [this, next = std::move(next), at] {
        vault_ = next->vault;
        registry_.use(std::move(*at));
    };
}

task<std::vector<readiness_check>> dependencies::look()
{
    std::vector<readiness_check> all;
    auto registry = co_await look_at_registry();
    all.push_back(std::move(registry));
    if (!vault_.enabled) co_return all;
    auto broker = co_await look_at_broker();
    all.push_back(std::move(broker));
    co_return all;
}

task<readiness_check> dependencies::look_at_registry()
{
    readiness_check check("registry_database", false, !has_router_, "");
    try {
        if (has_control_plane_) {
            registry::installation store(registry_);
            const auto states = co_await with_timeout(store.schema_states(), patience, "registry_slow");
            check.is_ok = false;
            check.detail = "schema unknown";
            for (const auto& one : states) {
                if (one.chain != "registry") continue;
                check.is_ok = one.version >= migrations::registry_chain().version();
                check.detail = fmt::format("schema {:04}", one.version);
            }
        } else {
            registry::routes store(registry_);
            const auto settings = co_await with_timeout(store.settings(), patience, "registry_slow");
            check.is_ok = !settings.empty();
            check.detail = "answers";
        }
    } catch (const error& failed) {
        check.detail = failed.detail();
    }
    co_return check;
}

task<readiness_check> dependencies::look_at_broker() const
{
    auto broker = vault_client::create_vault_broker(vault_client::settings_of(vault_));
    const auto report = co_await broker->health();
    const bool serves =
        report.state == vault_client::node_state::active || report.state == vault_client::node_state::standby;
    readiness_check check("broker", serves, false, std::string(vault_client::to_text(report.state)));
    co_return check;
}

}  // namespace leasehold::cli
