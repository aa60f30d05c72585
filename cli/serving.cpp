#include "serving.hpp"

#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/http/tls.hpp>

namespace leasehold::cli {
namespace {

constexpr std::chrono::seconds probe_patience(2);

}  // namespace

serving::serving(
    const config& values, const hmac_keys& keys, serve_role role, std::optional<tenancy> how, bool development
)
    : values_(values)
    , keys_(keys)
    , dependencies_(values, how.has_value(), role != serve_role::router)
    , probes_(std::make_unique<probes>(values.metrics, [this] { return look(); }))
{
    log::info("metrics.listening", {{"address", probes_->bound().to_string()}});
    try {
        if (how) start_router(std::move(*how), development);
        if (role != serve_role::router) start_control_plane(development);
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

void serving::start_router(tenancy how, bool development)
{
    router::router_settings settings;
    settings.version = LEASEHOLD_VERSION;
    settings.is_development = development;
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

void serving::start_control_plane(bool development)
{
    control_plane::control_plane_settings settings;
    settings.version = LEASEHOLD_VERSION;
    settings.development = development;
    settings.router = router_for_control_plane();
    if (values_.router.tls.is_set() || !values_.control_plane.router_ca_file.empty()) {
        const auto& own = values_.control_plane.router_ca_file;
        settings.router_ca_file = (own.empty() ? values_.registry.ca_file : own).string();
    }
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

void serving::reload(const config& fresh)
{
    for (const auto* files : {&values_.control_plane.tls, &values_.router.tls, &values_.agents.tls})
        http::check_tls(*files);  // all of them before the first is taken
    if (router_) router_->reload_tls();
    if (control_plane_) control_plane_->reload(fresh);
    if (gateway_) gateway_->reload(fresh);
}

}  // namespace leasehold::cli
