#include "nodes.hpp"

#include <leasehold/base/log.hpp>

#include <algorithm>
#include <cmath>

namespace leasehold::vault_client {
namespace {

constexpr std::chrono::seconds skew_worth_a_line{5};
constexpr std::size_t health_limit = 16U << 10U;

node_state state_of(int status) noexcept
{
    switch (status) {
    case 200:
        return node_state::active;
    case 429:
        return node_state::standby;
    case 501:
        return node_state::uninitialised;
    case 503:
        return node_state::sealed;
    default:
        return node_state::unusable;
    }
}

failure cause_of(node_state state) noexcept
{
    switch (state) {
    case node_state::uninitialised:
        return failure::uninitialised;
    case node_state::sealed:
        return failure::sealed;
    case node_state::unusable:
        return failure::unusable;
    default:
        return failure::unreachable;
    }
}

// The most telling cause when no node serves: a sealed one says more than an unreachable one.
int weight(node_state state) noexcept
{
    switch (state) {
    case node_state::active:
        return 5;
    case node_state::standby:
        return 4;
    case node_state::sealed:
        return 3;
    case node_state::uninitialised:
        return 2;
    case node_state::unusable:
        return 1;
    default:
        return 0;
    }
}

http::client_settings client_settings_of(const broker_settings& from)
{
    http::client_settings result;
    result.ca_file = from.ca_file;
    result.connect_timeout = from.connect_timeout;
    result.call_timeout = from.call_timeout;
    return result;
}

http::origin origin_of(const std::string& text)
{
    const auto parsed = http::origin::parse(text);
    if (!parsed)
        throw leasehold::error(
            error_kind::invalid, "config_invalid", "vault.url: no scheme://host:port: " + text
        );
    return *parsed;
}

}  // namespace

nodes::nodes(const broker_settings& settings, const clock_source& clock, metrics& into)
    : settings_(settings)
    , clock_(clock)
    , skew_(into.make_gauge("leasehold_broker_clock_skew_seconds", "The broker's clock minus ours"))
{
    const auto each = client_settings_of(settings);
    ca_seen_ = ca_stamp();
    for (const auto& text : settings.nodes)
        all_.push_back(std::make_unique<node>(origin_of(text), each, true));
    listed_ = all_.size();
    for (const auto& text : settings.redirect_allow) {
        const auto where = origin_of(text);
        if (find(where) == nullptr) all_.push_back(std::make_unique<node>(where, each, false));
    }
    if (listed_ == 0)
        throw leasehold::error(error_kind::invalid, "config_invalid", "vault.url: no node is listed");
    for (const std::string_view state : {"active", "standby", "sealed", "none"}) {
        up_.emplace_back(
            state,
            into.make_gauge("leasehold_broker_up", "State of the broker as last seen", {{"state", state}})
        );
    }
}

node* nodes::find(const http::origin& where) noexcept
{
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const auto& one) { return one->where == where; });
    return found == all_.end() ? nullptr : found->get();
}

void nodes::show(node_state best) noexcept
{
    std::string_view name = "none";
    if (best == node_state::active || best == node_state::standby || best == node_state::sealed)
        name = to_text(best);
    for (const auto& [state, gauge] : up_) gauge.set(state == name ? 1 : 0);
}

void nodes::down(failure why) noexcept
{
    const auto grown = settings_.probe_when_down * (1LL << std::min(probes_down_, 10));
    // A certificate does not heal by asking again soon.
    const bool patient = why == failure::tls || why == failure::mixed;
    const std::chrono::milliseconds wait =
        patient ? settings_.probe_down_most
                : std::min<std::chrono::milliseconds>(grown, settings_.probe_down_most);
    next_probe_ = clock_.boot() + wait;
    ++probes_down_;
    if (down_as_ != why) log::warn("broker.down", {{"cause", facts_of(why).name}});
    down_as_ = why;
    pinned_ = nullptr;
}

void nodes::leave(const node& failed, failure why) noexcept
{
    if (pinned_ == &failed) pinned_ = nullptr;
    // What concerns the broker as a whole ends the calls of everybody until a probe says otherwise.
    const bool whole = why == failure::sealed || why == failure::uninitialised;
    const bool only = listed_ == 1 && (why == failure::unreachable || why == failure::tls);
    if (!down_as_ && (whole || only)) down(why);
}

std::filesystem::file_time_type nodes::ca_stamp() const noexcept
{
    std::error_code ignored;
    if (settings_.ca_file.empty()) return {};
    return std::filesystem::last_write_time(settings_.ca_file, ignored);
}

void nodes::forget_ca() noexcept
{
    ca_seen_.reset();
    pinned_ = nullptr;
}

// A CA file that was replaced is used by every connection from now on.
void nodes::reload_ca()
{
    const auto now = ca_stamp();
    if (ca_seen_ == now) return;
    ca_seen_ = now;
    const auto each = client_settings_of(settings_);
    for (const auto& one : all_) one->client = http::client(one->where, each);
    if (down_as_ == failure::tls) next_probe_ = clock_.boot();
    log::info("broker.ca_reloaded", {{"file", settings_.ca_file}});
}

task<health_report> nodes::probe(node& one)
{
    health_report report;
    report.node = one.where.to_string();
    http::request request(http::method::get, "/v1/sys/health");
    request.fields.set("X-Vault-Request", "true");
    request.answer_limit = health_limit;
    outcome<http::answer> result;
    try {
        auto got = co_await one.client.send(std::move(request), settings_.health_timeout);
        result.capture([&] { return std::move(got); });
    } catch (const http::exchange_error&) {
        result.fail(std::current_exception());
    }
    if (!result.has_value()) {
        try {
            result.take();
        } catch (const http::exchange_error& failed) {
            report.state = failed.failure() == http::exchange_failure::tls ? node_state::untrusted
                                                                           : node_state::unreachable;
        }
        one.last = report;
        co_return report;
    }
    const auto got = result.take();
    report.state = state_of(got.status);
    auto body = json::parse(got.body, nullptr, false);
    if (!body.is_object()) {
        report.state = node_state::unusable;  // a proxy's page, whatever its status
    } else {
        fields of(body);
        report.version = of.text_or("version", 64, "");
        report.cluster_id = of.text_or("cluster_id", 64, "");
        const auto at = of.integer_or("server_time_utc", 0);
        if (at > 0) report.server_time = wall_time(std::chrono::seconds(at));
    }
    if (report.server_time) {
        const auto skew = std::chrono::duration<double>(*report.server_time - clock_.wall());
        skew_.set(skew.count());
        if (std::abs(skew.count()) > static_cast<double>(skew_worth_a_line.count())) {
            log::warn("broker.clock_skew", {{"node", report.node}, {"seconds", skew.count()}});
        }
    }
    one.last = report;
    co_return report;
}

task<health_report> nodes::probe_all()
{
    health_report best;
    node* chosen = nullptr;
    std::string cluster;
    bool mixed = false;
    for (const auto& one : all_) {
        if (!one->is_listed) continue;
        auto report = co_await probe(*one);
        const bool serves = weight(report.state) >= weight(node_state::standby);
        if (serves && !report.cluster_id.empty()) {
            mixed = mixed || (!cluster.empty() && cluster != report.cluster_id);
            cluster = report.cluster_id;
        }
        if (chosen == nullptr || weight(report.state) > weight(best.state)) {
            chosen = one.get();
            best = std::move(report);
        }
    }
    show(best.state);
    if (mixed) {
        log::error("broker.mixed", {{"nodes", all_.size()}});
        down(failure::mixed);
        co_return best;
    }
    if (weight(best.state) < weight(node_state::standby)) {
        down(best.state == node_state::untrusted ? failure::tls : cause_of(best.state));
        co_return best;
    }
    if (down_as_) log::info("broker.up", {{"node", best.node}, {"version", best.version}});
    down_as_.reset();
    probes_down_ = 0;
    pinned_ = chosen;
    co_return best;
}

task<node*> nodes::pick()
{
    if (pinned_ != nullptr) co_return pinned_;
    reload_ca();
    if (down_as_ && clock_.boot() < next_probe_) throw error(*down_as_);
    if (probing_) {
        while (probing_) co_await probed_->wait();
    } else {
        if (!probed_) {
            auto executor = co_await asio::this_coro::executor;
            probed_.emplace(executor);
        }
        probing_ = true;
        std::exception_ptr failed;
        try {
            co_await probe_all();
        } catch (...) {
            failed = std::current_exception();
        }
        probing_ = false;
        probed_->wake();
        if (failed) std::rethrow_exception(failed);
    }
    if (pinned_ == nullptr) throw error(down_as_.value_or(failure::unreachable));
    co_return pinned_;
}

}  // namespace leasehold::vault_client
