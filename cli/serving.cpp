#include "serving.hpp"

#include "hmac_key_file.hpp"
#include "local_config.hpp"

#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/http/tls.hpp>

#include <algorithm>
#include <functional>

namespace leasehold::cli {
namespace {

constexpr std::chrono::seconds probe_patience(2);

// Who signed the router's certificate, for the control plane; empty: it has none.
path router_ca_file(const config& values)
{
    const auto& own = values.control_plane.router_ca_file;
    if (!own.empty() || !values.router.tls.is_set()) return own;
    return values.registry.ca_file;
}

}  // namespace

serving::serving(
    const config& values, hmac_keys keys, serve_role role, std::optional<tenancy> how, bool development
)
    : values_(values)
    , keys_(std::move(keys))
    , development_(development)
    , dependencies_(values, how.has_value(), role != serve_role::router)
    , probes_(std::make_unique<probes>(values.metrics, [this] { return look(); }))
{
    log::info("metrics.listening", {{"address", probes_->bound().to_string()}});
    try {
        if (how) start_router(std::move(*how));
        if (role != serve_role::router) start_control_plane();
    } catch (...) {
        drain();
        throw;
    }
    probes_->set_serving();
}

serving::~serving()
{
    drain();
}

void serving::start_router(tenancy how)
{
    router::router_settings settings;
    settings.version = LEASEHOLD_VERSION;
    settings.is_development = development_;
    router_ = std::make_unique<router::router>(std::move(how), values_, keys_, settings);
    router_->start();
    for (const auto& one : router_->listening())
        log::info("router.listening", {{"address", one.to_string()}});
    gateway_ = std::make_unique<router::agents::gateway>(router_->gateway(), values_, keys_);
    gateway_->start();
    router_->on_drain([this] {
        run_on(router_->gateway().context(), gateway_->drain(values_.limits.drain_timeout));
    });
    log::info("agents.listening", {{"address", gateway_->bound().to_string()}});
}

// The control plane is a client of the router like any other; in one process that is the router beside it.
address serving::router_for_control_plane() const
{
    if (values_.control_plane.router_address) return *values_.control_plane.router_address;
    const auto all = router_ ? router_->listening() : values_.router.listen;
    for (auto one : all) {
        if (one.is_unix()) continue;
        if (one.host == "0.0.0.0") one.host = "127.0.0.1";
        if (one.host == "::") one.host = "::1";
        return one;
    }
    return all.front();
}

void serving::start_control_plane()
{
    control_plane::control_plane_settings settings;
    settings.version = LEASEHOLD_VERSION;
    settings.development = development_;
    settings.router = router_for_control_plane();
    settings.router_ca_file = router_ca_file(values_).string();
    control_plane_ = std::make_unique<control_plane::control_plane>(values_, keys_, std::move(settings));
    control_plane_->start();
}

task<std::vector<readiness_check>> serving::look()
{
    auto all = co_await dependencies_.look();
    if (router_) {
        for (const auto& one : router_->readiness())
            all.emplace_back(one.name, one.is_ready, true, one.detail);
    }
    if (control_plane_) all.emplace_back("control_plane", control_plane_->is_ready(), true, "");
    co_return all;
}

// Every part may be drained twice, so this may be too.
void serving::drain()
{
    probes_->set_draining();
    if (control_plane_) control_plane_->drain(values_.limits.drain_timeout);
    if (router_) router_->drain();
    probes_->drain(probe_patience);
}

config_changes serving::reload(const config& fresh)
{
    auto next = std::make_shared<config>(values_);
    auto changes = take_reloadable(*next, fresh);
    refuse(check_files(fresh, development_));
    refuse(check_together(*next, development_));  // new TLS files and an old address, say
    if (next->registry.sslmode == "verify-full") http::check_ca(next->registry.ca_file);
    if (next->vault.enabled) http::check_ca(next->vault.ca_file);
    const auto keys = std::make_shared<const hmac_keys>(load_hmac_keys(*next, false));

    // The control plane last: the registry's note of new keys is the one thing it writes before it takes
    // them.
    std::vector<std::function<void()>> takes;
    takes.push_back(probes_->prepare_reload(next->metrics, dependencies_.prepare_reload(next)));
    if (router_) takes.push_back(router_->prepare_reload(next, keys));
    if (gateway_) takes.push_back(gateway_->prepare_reload(next, keys));
    if (control_plane_) takes.push_back(control_plane_->prepare_reload(next, keys));

    for (const auto& take : takes) take();
    const auto& names = changes.applied;
    const std::string key_file = "security.hmac_key_file";
    const bool is_named = std::find(names.begin(), names.end(), key_file) != names.end();
    if (keys->fingerprints() != keys_.fingerprints() && !is_named) changes.applied.push_back(key_file);
    // Taken once, when the control plane is made.
    if (control_plane_ && router_ca_file(values_) != router_ca_file(*next))
        changes.restart_needed.emplace_back("control_plane.router_ca_file");
    values_ = *next;
    keys_ = keys->clone();
    configure_log(values_.log);
    return changes;
}

void serving::note_reload(control_plane::reload_report what)
{
    if (control_plane_) control_plane_->note_reload(std::move(what));
}

}  // namespace leasehold::cli
