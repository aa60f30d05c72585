#include "data_api.hpp"
#include "enroll_api.hpp"
#include "host_authenticator.hpp"
#include "identity_api.hpp"
#include "tenant_room.hpp"
#include "tenant_store.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/http/routes.hpp>
#include <leasehold/http/server.hpp>
#include <leasehold/router/agents/gateway.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <optional>
#include <utility>

namespace leasehold::router::agents {
namespace {

constexpr auto reconcile_every = std::chrono::seconds(60);
constexpr auto half_done_after = std::chrono::minutes(2);
constexpr auto given_up_after = std::chrono::hours(24);
constexpr auto stamp_every = std::chrono::minutes(15);
constexpr auto longest_handler = std::chrono::seconds(30);

http::server_settings server_settings_of(const config& values)
{
    http::server_settings settings;
    settings.name = "agents";
    settings.listen = values.agents.listen;
    settings.tls = values.agents.tls;
    settings.max_sessions = 65536;
    return settings;
}

}  // namespace

struct gateway::impl : std::enable_shared_from_this<gateway::impl>
{
    impl(
        gateway_ports& from,
        const config& with,
        const hmac_keys& keys_now,
        const clock_source& time,
        metrics& into
    )
        : ports(from)
        , values(with)
        , keys(keys_now.clone())
        , clock(time)
        , authenticator(from, keys, time)
        , authorizer(from)
        , routes(authenticator, authorizer, routes_settings_of(into))
        , store(from.sessions())
        , enrollment(from, store, values, keys, time)
        , data(store, values, time)
        , identity(from, values, keys, time)
        , alarm(from.context())
    {
        enrollment.mount(routes);
        data.mount(routes);
        identity.mount(routes);
    }

    http::routes_settings routes_settings_of(metrics& into);
    [[nodiscard]] tenant_id whose_room(std::optional<std::string_view> bearer) const;
    task<void> keep_reconciling(std::shared_ptr<impl> self);
    task<void> reconcile();
    task<void> finish_enrollments();

    gateway_ports& ports;
    config values;  // a reload changes these two, on the lane
    hmac_keys keys;
    const clock_source& clock;
    host_authenticator authenticator;
    host_authorizer authorizer;
    tenant_room room;
    http::routes routes;
    tenant_store store;
    enroll_api enrollment;
    data_api data;
    identity_api identity;
    std::optional<http::server> listener;
    asio::steady_timer alarm;
    bool is_stopping = false;
    std::map<host_id, boot_time> half_done;  // since when
    boot_time stamped_at{};
};

gateway::gateway(
    gateway_ports& ports,
    const config& values,
    const hmac_keys& keys,
    const clock_source& clock,
    metrics& into
)
    : impl_(std::make_shared<impl>(ports, values, keys, clock, into))
{}

gateway::~gateway() = default;

void gateway::start()
{
    impl_->listener.emplace(impl_->ports.context(), impl_->routes, server_settings_of(impl_->values));
    impl_->listener->start();
    const auto self = impl_;
    asio::post(self->ports.context(), [self] {
        spawn(self->ports.context(), "agents.reconcile", self->keep_reconciling(self));
    });
}

const address& gateway::bound() const
{
    return impl_->listener->bound();
}

std::function<void()>
gateway::prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys)
{
    auto take_tls = impl_->listener->load_tls(next->agents.tls);
    return [self = impl_, next, fresh_keys, take_tls = std::move(take_tls)] {
        take_tls();
        call_on(self->ports.context(), [&] {
            take_reloadable(self->values, *next);
            self->keys = fresh_keys->clone();
        });
    };
}

http::handler& gateway::routes() noexcept
{
    return impl_->routes;
}

task<void> gateway::drain(std::chrono::milliseconds patience)
{
    impl_->is_stopping = true;
    impl_->alarm.cancel();
    if (impl_->listener) co_await impl_->listener->drain(patience);
}

task<void> gateway::reconcile()
{
    co_await impl_->reconcile();
}

http::routes_settings gateway::impl::routes_settings_of(metrics& into)
{
    http::routes_settings settings;
    settings.patience = longest_handler;
    settings.meters = &into;
    settings.on_every_answer = [this](http::headers& fields) {
        fields.set("Leasehold-Time", to_rfc3339(clock.wall()));
    };
    settings.on_enter = [this](const http::incoming& head, std::size_t bytes) {
        return room.enter(whose_room(http::bearer_in(head.fields)), bytes);
    };
    return settings;
}

// Its host's tenant, its token's; all who prove nothing share one room.
tenant_id gateway::impl::whose_room(std::optional<std::string_view> bearer) const
{
    if (const auto tenant = authenticator.find_tenant(bearer)) return *tenant;
    const auto token = credential::parse(bearer.value_or(std::string_view()));
    if (!token || token->type != credential_type::enrollment) return {};
    return ports.lookup().find_token(token_id(token->id)).value_or(tenant_id());
}

task<void> gateway::impl::keep_reconciling(std::shared_ptr<impl> self)
{
    while (!self->is_stopping) {
        alarm.expires_after(reconcile_every);
        boost::system::error_code cancelled;
        co_await alarm.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        if (self->is_stopping) break;
        try {
            co_await self->reconcile();
        } catch (const error& why) {
            log::failure("agents.reconcile_failed", why);
        }
    }
}

task<void> gateway::impl::reconcile()
{
    const auto now = clock.boot();
    if (now - stamped_at >= stamp_every) {
        stamped_at = now;
        auto seen = data.take_seen();
        if (!seen.empty()) co_await ports.registry().seen(std::move(seen));
    }
    co_await finish_enrollments();
    const auto removed = co_await ports.registry().expire(given_up_after);
    if (removed > 0) log::info("enrollments.expired", {{"hosts", removed}});
}

// Enrollments whose agent has not come back for its answer: steps 4 and 5 are done for it.
task<void> gateway::impl::finish_enrollments()
{
    const auto now = clock.boot();
    std::map<host_id, boot_time> still;
    for (const auto& host : ports.enrolling_hosts()) {
        const auto known = half_done.find(host);
        still[host] = known == half_done.end() ? now : known->second;
    }
    half_done = std::move(still);
    const auto due = half_done;
    for (const auto& [host, since] : due) {
        if (now - since < half_done_after) continue;
        auto facts = ports.lookup().find_host(host);
        if (!facts || facts->public_key.empty())
            continue;  // made beforehand by name: nobody has enrolled yet
        try {
            co_await enrollment.finish(std::move(*facts));
        } catch (const error& why) {
            log::failure("enrollment.not_finished", why, {{"host", host.to_string()}});
        }
    }
}

}  // namespace leasehold::router::agents
