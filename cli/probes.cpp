#include "probes.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/http/answers.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace leasehold::cli {
namespace {

constexpr std::chrono::seconds verdict_life(2);
constexpr auto metrics_type = "text/plain; version=0.0.4; charset=utf-8";

secret<std::string> load_token(const metrics_config& from)
{
    if (from.token_file.empty()) return {};
    return load_secret_line(from.token_file);
}

}  // namespace

// Its routes are open to all; nobody is asked who he is, and nothing is decided.
class probes::nobody final : public http::authenticator, public http::authorizer
{
public:
    task<std::shared_ptr<const http::principal>> authenticate(const http::context&) override
    {
        co_return nullptr;
    }
    task<std::shared_ptr<const http::authorization>>
    authorize(const http::context&, const http::permission&) override
    {
        throw error(error_kind::forbidden, "forbidden", "nothing here is for anybody in particular");
    }
};

probes::probes(const metrics_config& values, looker look)
    : look_(std::move(look))
    , token_(load_token(values))
    , nobody_(std::make_unique<nobody>())
{
    routes_ = std::make_unique<http::routes>(*nobody_, *nobody_);
    mount();
    http::server_settings settings;
    settings.name = "metrics";
    settings.listen = values.listen;
    listener_ = std::make_unique<http::server>(lane_.context(), *routes_, settings);
    listener_->start();
}

probes::~probes()
{
    drain(std::chrono::milliseconds(0));
}

void probes::mount()
{
    const std::function<task<http::reply>(const http::context&)> show_metrics =
        [this](const http::context& ctx) -> task<http::reply> {
        require_token(ctx);
        co_return http::plain_text(200, process_metrics().to_text(), metrics_type);
    };
    const std::function<task<http::reply>(const http::context&)> show_health =
        [](const http::context&) -> task<http::reply> { co_return http::plain_text(200, "ok\n"); };
    const std::function<task<http::reply>(const http::context&)> show_readiness =
        [this](const http::context& ctx) -> task<http::reply> { return readiness(ctx); };
    routes_->get("/metrics", http::open_to_all, show_metrics).quiet();
    routes_->get("/healthz", http::open_to_all, show_health).quiet();
    routes_->get("/readyz", http::open_to_all, show_readiness).quiet();
}

// Without a token the listener is on loopback only (the configuration sees to that), and whoever is there may
// know.
bool probes::may_see_causes(const http::context& ctx) const
{
    if (token_.empty()) return true;
    const auto given = ctx.bearer();
    return given && equal_in_constant_time(*given, token_.reveal());
}

void probes::require_token(const http::context& ctx) const
{
    if (may_see_causes(ctx)) return;
    throw error(
        error_kind::unauthenticated, "credential_missing", "metrics need the token of metrics.token_file"
    );
}

// The verdict is kept for 2 s; who asks while it is being made gets the one before.
task<void> probes::look_again()
{
    if (!serving_ || is_looking_) co_return;
    if (looked_at_ && boot_clock::now() - *looked_at_ < verdict_life) co_return;
    is_looking_ = true;
    try {
        auto fresh = co_await look_();
        verdict_ = std::move(fresh);
    } catch (const std::exception& failed) {
        verdict_ = {readiness_check("look", false, true, failed.what())};
    }
    looked_at_ = boot_clock::now();
    is_looking_ = false;
}

task<http::reply> probes::readiness(const http::context& ctx)
{
    co_await look_again();
    const auto missing = [](const readiness_check& one) { return !one.is_ok && one.is_needed; };
    const auto worse = [](const readiness_check& one) { return !one.is_ok; };
    std::string status = "ready";
    if (std::any_of(verdict_.begin(), verdict_.end(), worse)) status = "degraded";
    if (std::any_of(verdict_.begin(), verdict_.end(), missing)) status = "not_ready";
    if (!serving_ || !looked_at_) status = "starting";
    if (draining_) status = "draining";
    const bool is_ready = status == "ready" || status == "degraded";

    nlohmann::json body{{"status", status}};
    if (may_see_causes(ctx)) {
        auto& checks = body["checks"] = nlohmann::json::array();
        for (const auto& one : verdict_) {
            checks.push_back(
                {{"name", one.name}, {"ok", one.is_ok}, {"needed", one.is_needed}, {"detail", one.detail}}
            );
        }
    }
    co_return http::json_reply(is_ready ? 200 : 503, body.dump() + "\n");
}

std::function<void()> probes::prepare_reload(const metrics_config& next, std::function<void()> also)
{
    const auto token = std::make_shared<secret<std::string>>(load_token(next));
    return [this, token, also = std::move(also)] {
        call_on(lane_.context(), [&] {
            token_ = std::move(*token);
            also();
        });
    };
}

void probes::set_serving()
{
    serving_ = true;
}

void probes::set_draining()
{
    draining_ = true;
}

void probes::drain(std::chrono::milliseconds patience)
{
    if (drained_) return;
    drained_ = true;
    run_on(lane_.context(), listener_->drain(patience));
    lane_.join();
}

}  // namespace leasehold::cli
