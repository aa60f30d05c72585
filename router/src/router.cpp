#include "directory/feed.hpp"
#include "front/acceptor.hpp"
#include "front/front_lane.hpp"
#include "front/tenant_limits.hpp"
#include "gateway/platform_gateway.hpp"
#include "lane_metrics.hpp"
#include "license_watch.hpp"
#include "process_identity.hpp"
#include "registry_endpoint.hpp"
#include "relay/lane_set.hpp"
#include "right_end.hpp"
#include "server/leases.hpp"
#include "server/server_logins.hpp"

#include <leasehold/base/file.hpp>
#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/base/worker_pool.hpp>
#include <leasehold/database/listener.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/router/router.hpp>
#include <leasehold/vault-client/identified_broker.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <future>
#include <thread>
#include <unistd.h>

namespace leasehold::router {
namespace {

using namespace std::chrono_literals;

constexpr int registry_threads = 3;
constexpr int registry_queue = 256;

int relay_lanes_of(const router_config& from)
{
    const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return std::clamp(from.lanes > 0 ? from.lanes : cores, 1, 64);
}

int front_lanes_of(const router_config& from)
{
    if (from.front_lanes > 0) return from.front_lanes;
    return std::max(1, relay_lanes_of(from) / 4);
}

std::unique_ptr<directory_keeper> make_keeper(const tenancy& how, const config& values)
{
    if (const auto* many = std::get_if<multi_tenant>(&how)) {
        return std::make_unique<fleet_directory>(*many, values.multitenancy.domain_suffix);
    }
    return std::make_unique<one_tenant_directory>(std::get<single_tenant>(how));
}

vault_client::lease_settings lease_settings_of(const router_config& from)
{
    vault_client::lease_settings settings;
    settings.rotate_at = from.lease.rotate_at;
    settings.jitter = from.lease.jitter;
    settings.drain = from.lease.drain;
    settings.patience = from.pool.checkout_timeout;
    return settings;
}

std::shared_ptr<const listener_tls> load_tls(const tls_files& from)
{
    return from.is_set() ? listener_tls::load(from) : nullptr;
}

std::string file_text(const path& file)
{
    try {
        return load_file(file);
    } catch (const error&) {
        return {};  // none there: the registry's row may have one
    }
}

// Who logs in at servers in collapsed mode.
std::shared_ptr<server_identity> identity_of(const database::endpoint& registry)
{
    auto password = std::make_shared<const secret<std::string>>(registry.password.clone());
    return std::make_shared<server_identity>(registry.user, std::move(password));
}

// Counts answers of other lanes and wakes a coroutine when the last has come.
class gathering : public std::enable_shared_from_this<gathering>
{
public:
    gathering(asio::io_context& home, std::size_t count)
        : home_(home)
        , left_(count)
        , woken_(home, asio::steady_timer::time_point::max())
    {}
    // For each of the others: to be called once, from any thread.
    std::function<void()> one()
    {
        return [self = shared_from_this()] {
            asio::post(self->home_, [self] {
                if (--self->left_ == 0) self->woken_.cancel();
            });
        };
    }
    task<void> wait()
    {
        boost::system::error_code ignored;
        while (left_ > 0) co_await woken_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

private:
    asio::io_context& home_;
    std::size_t left_;
    asio::steady_timer woken_;
};

}  // namespace

// Members stand in the order in which they refer to each other; lanes end before what runs on them goes.
struct router::impl final : feed_consumer
{
    impl(tenancy is, const config& with, const hmac_keys& keys_of, router_settings chosen)
        : how(std::move(is))
        , values(with)
        , keys(std::make_shared<const hmac_keys>(keys_of.clone()))
        , settings(std::move(chosen))
        , license_file(values.license.file)
        , registry_pool(registry_endpoint(values.registry), registry_threads, registry_queue)
        , routes(registry_pool)
        , keeper(make_keeper(how, values))
        , hashing("router.hash", 2, 1000)
    {}

    tenancy how;
    config values;  // a reload changes these two, on the thread that owns the router
    std::shared_ptr<const hmac_keys> keys;
    router_settings settings;
    path license_file;  // the feed lane's
    router_id id = router_id::random();
    std::uint8_t number = 0;  // in the registry, since the start

    database::pool registry_pool;
    registry::routes routes;
    std::unique_ptr<directory_keeper> keeper;
    feed_facts facts;
    worker_pool hashing;

    server_logins logins;
    std::unique_ptr<front_world> world;
    std::vector<std::unique_ptr<front_lane>> fronts;  // before relays: holds of leases post there to the end
    std::unique_ptr<leases> known_leases;
    std::unique_ptr<relay::lane_set> relays;
    std::vector<std::unique_ptr<acceptor>> acceptors;
    std::unique_ptr<platform_gateway> ports;
    std::unique_ptr<vault_client::identified_broker> broker;
    std::unique_ptr<vault_client::lease_roster> roster;

    std::unique_ptr<lane> feed_lane;
    std::unique_ptr<license_watch> license;
    std::unique_ptr<feed> changes;
    std::unique_ptr<database::listener> notifications;

    std::vector<std::function<void()>> at_drain;
    bool is_started = false;
    bool is_drained = false;
    std::atomic<bool> is_open{false};

    asio::io_context& home() { return fronts.front()->context(); }
    bool has_broker() const { return std::holds_alternative<multi_tenant>(how); }

    void start();
    void bury_predecessors();
    [[nodiscard]] registry::router_facts facts_of_itself() const;
    void make_lanes(const registry::router_registration& as);
    void make_leases();
    void make_feed(const installation_id& installation);
    void open_listeners();
    void drain();
    [[nodiscard]] std::uint32_t sessions_of_each_lane() const;
    [[nodiscard]] std::shared_ptr<const front_settings>
    front_settings_with(std::shared_ptr<const listener_tls> tls) const;
    void listen_for_changes(database::endpoint at);
    void check_keys(const hmac_keys& fresh);
    void take(const config& next, std::shared_ptr<const listener_tls> tls, database::endpoint at);

    task<void> publish(directory_ptr now) override;
    task<void> perform(acts what) override;
    task<void> look_at_license() override;
    task<void> register_again() override;
    task<void> report();
    task<void> make_roster();
    task<void> end_roster();
    void audit(const registry::router_event& what);
};

void router::impl::start()
{
    bury_predecessors();
    const auto as = routes.register_router(id, facts_of_itself());
    is_started = true;
    number = as.number;
    make_lanes(as);
    make_leases();
    make_feed(as.installation);
    open_listeners();
    is_open = true;
    log::info(
        "router.started",
        {{"router", id.to_string()},
         {"number", as.number},
         {"lanes", relays->lanes().size()},
         {"front_lanes", fronts.size()},
         {"mode", has_broker() ? "multi_tenant" : "single_tenant"}}
    );
}

registry::router_facts router::impl::facts_of_itself() const
{
    registry::router_facts all;
    all.address = values.router.advertise;
    if (all.address.empty() && !acceptors.empty()) all.address = acceptors.front()->bound().to_string();
    if (all.address.empty() && !values.router.listen.empty())
        all.address = values.router.listen.front().to_string();
    all.version = settings.version;
    all.lanes = relay_lanes_of(values.router);
    if (auto own = identify(::getpid())) {
        all.machine = std::move(own->machine);
        all.process = std::move(own->process);
    }
    return all;
}

// Who was killed on this machine says nothing, and operations would wait a minute for it to speak. It holds
// no session any more: that it has ended is certain, whatever address it had.
void router::impl::bury_predecessors()
{
    const auto own = identify(::getpid());
    if (!own) return;
    for (const auto& [other, process] : routes.routers_of(own->machine)) {
        if (!has_ended(process)) continue;
        log::warn("router.predecessor_ended", {{"router", other.to_string()}, {"process", process}});
        routes.deregister(other);
    }
}

void router::impl::make_lanes(const registry::router_registration& as)
{
    relay::lane_settings of_each;
    of_each.router_number = as.number;
    of_each.router_name = id.to_string();
    of_each.max_sessions = sessions_of_each_lane();
    relays = std::make_unique<relay::lane_set>(
        static_cast<std::uint8_t>(relay_lanes_of(values.router)), of_each, logins, logins
    );
    world = std::unique_ptr<front_world>(new front_world{
        *settings.clock, facts, *relays, *settings.into, id.to_string(), {}, {}, {}});
    world->key_used = [this](const key_id& key) { changes->key_used(key); };
    world->audit = [this](const registry::router_event& what) { audit(what); };
    const auto with = front_settings_with(load_tls(values.router.tls));
    for (int i = 0; i < front_lanes_of(values.router); ++i) {
        fronts.push_back(std::make_unique<front_lane>(*world, static_cast<std::size_t>(i), with));
    }
    ports = std::make_unique<platform_gateway>(*fronts.front(), routes, id);
}

// Of all lanes together `clients.max`; a tenant is on one of them.
std::uint32_t router::impl::sessions_of_each_lane() const
{
    return static_cast<std::uint32_t>(std::max(1, values.router.clients.max / relay_lanes_of(values.router)));
}

std::shared_ptr<const front_settings>
router::impl::front_settings_with(std::shared_ptr<const listener_tls> tls) const
{
    return std::make_shared<const front_settings>(
        std::make_shared<const config>(values), keys, std::move(tls)
    );
}

void router::impl::make_leases()
{
    server_logins::parts parts;
    parts.on = fronts.front().get();
    parts.hashing = &hashing;
    if (has_broker()) {
        run_on(home(), make_roster());
        parts.roster = roster.get();
        parts.known = known_leases.get();
    } else {
        parts.own = identity_of(registry_endpoint(values.registry));
    }
    logins.attach(std::move(parts));
    auto reports = report();
    spawn(home(), "router.reports", std::move(reports));
}

// On the lane that owns it.
task<void> router::impl::make_roster()
{
    known_leases = std::make_unique<leases>(home());
    broker = vault_client::create_identified_broker(home(), values.vault, values.vault.auth.router, "router");
    roster = std::make_unique<vault_client::lease_roster>(
        home(), *broker, broker->tokens(), logins, *known_leases, lease_settings_of(values.router)
    );
    known_leases->attach(*relays, *roster);
    co_return;
}

// Which leases are in use, to the roster; what the lanes count, to the metrics.
task<void> router::impl::report()
{
    lane_metrics counted(*settings.into);
    while (!world->is_draining.load()) {
        if (known_leases) known_leases->note_used();
        for (const auto& one : fronts) one->tell_repeats();
        counted.tell(*relays, facts, fronts.front()->current().get());
        co_await sleep_for(1s);
    }
}

void router::impl::make_feed(const installation_id& installation)
{
    feed_lane = std::make_unique<lane>("router.feed");
    auto signers = settings.license_signers.value_or(license_keys::compiled_in(settings.is_development));
    license = std::make_unique<license_watch>(
        how, std::move(signers), *settings.clock, installation.to_string(), facts
    );
    feed_settings with;
    with.poll_interval = settings.poll_interval;
    with.license_interval = settings.license_interval;
    changes = std::make_unique<feed>(
        feed_lane->context(), routes, *keeper, *this, facts, *settings.clock, id, installation, with
    );
    auto life = changes->run();
    spawn(feed_lane->context(), "router.feed", std::move(life));
    listen_for_changes(registry_endpoint(values.registry));
}

void router::impl::listen_for_changes(database::endpoint at)
{
    notifications.reset();  // one at a time
    notifications =
        std::make_unique<database::listener>(std::move(at), "registry_change", [this](std::string_view) {
            changes->wake();
        });
}

void router::impl::open_listeners()
{
    std::vector<front_lane*> lanes;
    for (const auto& one : fronts) lanes.push_back(one.get());
    for (const auto& at : values.router.listen) acceptors.push_back(std::make_unique<acceptor>(at, lanes));
    for (const auto& one : acceptors) one->start();
}

// Its lanes go on with the number they were made with: cancel keys of living sessions hold it. Another
// router may have it by now; a restart brings the new one.
task<void> router::impl::register_again()
{
    auto own = facts_of_itself();
    const auto as = co_await routes.register_again(id, std::move(own));
    log::warn("router.forgotten", {{"router", id.to_string()}, {"number", as.number}});
    if (as.number == number) co_return;
    log::warn(
        "router.number_changed", {{"router", id.to_string()}, {"number", as.number}, {"serves_as", number}}
    );
}

task<void> router::impl::publish(directory_ptr now)
{
    const auto all = std::make_shared<gathering>(feed_lane->context(), fronts.size());
    for (const auto& one : fronts) one->publish(now, all->one());
    co_await all->wait();
}

task<void> router::impl::perform(acts what)
{
    const auto began = boot_clock::now();
    const auto kills = what.tenants_to_kill.size() + what.principals_to_kill.size();
    const auto all = std::make_shared<gathering>(feed_lane->context(), kills);
    const auto order = [&](relay::kill_target target) {
        relay::kill_order kill;
        kill.target = target;
        kill.done = [done = all->one(), began](relay::kill_counts counts) {
            const auto took =
                std::chrono::duration_cast<std::chrono::milliseconds>(boot_clock::now() - began);
            log::info(
                "sessions.killed",
                {{"sessions", counts.sessions},
                 {"servers", counts.servers},
                 {"waiters", counts.waiters},
                 {"ms", took.count()}}
            );
            done();
        };
        relays->kill(std::move(kill));
    };
    for (const auto& tenant : what.tenants_to_kill) order(tenant);
    for (const auto& who : what.principals_to_kill) order(who);
    for (const auto& [who, end] : what.principals_to_limit)
        relays->limit_right(who, to_boot_time(end, *settings.clock));
    if (roster != nullptr) {
        asio::post(
            home(),
            [this, ended = std::move(what.tenants_to_retire), other = std::move(what.leases_to_replace)] {
                if (roster == nullptr) return;
                for (const auto& tenant : ended) roster->retire(tenant);
                for (const auto& tenant : other) roster->replace(tenant);
            }
        );
    }
    co_await all->wait();
}

task<void> router::impl::look_at_license()
{
    if (!has_broker()) co_return;
    const auto installed = co_await routes.license();
    license->look(installed.document.value_or(""), file_text(license_file));
}

void router::impl::audit(const registry::router_event& what)
{
    asio::post(feed_lane->context(), [this, what] {
        auto work = routes.audit(id, what);
        spawn(feed_lane->context(), "router.audit", std::move(work));
    });
}

// Two processes with keys that share none would not know each other's tickets and credentials.
void router::impl::check_keys(const hmac_keys& fresh)
{
    const auto ours = fresh.fingerprints();
    if (ours == keys->fingerprints()) return;
    const auto known = run_on(feed_lane->context(), routes.settings());
    const auto found = known.find("hmac_fingerprints");
    if (found == known.end()) return;  // no control plane has ever started
    const bool is_shared = std::any_of(ours.begin(), ours.end(), [&](const std::string& one) {
        return std::find(found->second.begin(), found->second.end(), one) != found->second.end();
    });
    if (is_shared) return;
    throw error(
        error_kind::conflict,
        "hmac_key_mismatch",
        "security.hmac_key_file is not the key this installation was started with"
    );
}

// What the front lanes have first is what sessions bring to the relay lanes from then on; the order to the
// relay lanes comes after the last session that brought something older.
void router::impl::take(const config& next, std::shared_ptr<const listener_tls> tls, database::endpoint at)
{
    take_reloadable(values, next);
    const auto fresh = front_settings_with(std::move(tls));
    for (const auto& one : fronts) one->use(fresh);
    directory_ptr now;
    call_on(home(), [&] {
        now = fronts.front()->current();
        if (broker) broker->reload(values.vault, values.vault.auth.router);
    });
    const auto limits = [now, with = fresh->values](const tenant_id& tenant) {
        std::optional<relay::pool_limits> found;
        const auto* row = now ? now->find_tenant(tenant) : nullptr;
        if (row != nullptr) found = limits_of(*row, *with);
        return found;
    };
    relays->relimit(limits, sessions_of_each_lane());
    call_on(feed_lane->context(), [&] {
        license_file = values.license.file;
        auto look = look_at_license();
        spawn(feed_lane->context(), "router.license", std::move(look));
    });
    if (!registry_pool.use(at.clone())) return;
    if (!has_broker()) {
        const auto who = identity_of(at);
        call_on(home(), [&] { logins.use_own(who); });
    }
    listen_for_changes(std::move(at));
}

task<void> router::impl::end_roster()
{
    known_leases->detach();
    co_await roster->stop();
    co_await broker->stop();
}

void router::impl::drain()
{
    if (!is_started || is_drained) return;
    is_drained = true;
    is_open = false;
    if (world) world->is_draining = true;
    for (const auto& one : acceptors) one->close();
    for (const auto& call : at_drain) call();
    if (relays) {
        auto done = std::make_shared<std::promise<void>>();
        auto drained = done->get_future();
        relays->drain(values.limits.drain_timeout, [done] { done->set_value(); });
        drained.wait_for(values.limits.drain_timeout + 5s);
    }
    for (const auto& one : fronts) one->shut_logins();
    notifications.reset();
    if (changes) changes->stop();
    if (feed_lane) feed_lane->join();
    if (roster) {
        run_on(home(), end_roster());
    }
    for (const auto& one : fronts) one->join();
    // Not before: a login to a server that is under way tells the roster how it ended.
    roster.reset();
    broker.reset();
    if (relays) relays->stop();
    try {
        routes.deregister(id);
    } catch (const error& why) {
        log::failure("router.deregister_failed", why);
    }
    log::info("router.stopped", {{"router", id.to_string()}});
}

router::router(tenancy how, const config& values, const hmac_keys& keys, router_settings settings)
    : impl_(std::make_unique<impl>(std::move(how), values, keys, std::move(settings)))
{}

router::~router()
{
    impl_->drain();
}

void router::start()
{
    impl_->start();
}

void router::drain()
{
    impl_->drain();
}

std::vector<address> router::listening() const
{
    std::vector<address> all;
    for (const auto& one : impl_->acceptors) all.push_back(one->bound());
    return all;
}

bool router::wait_loaded(std::chrono::milliseconds patience)
{
    const auto until = boot_clock::now() + patience;
    while (!impl_->facts.is_loaded.load()) {
        if (boot_clock::now() > until) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

std::vector<readiness_fact> router::readiness() const
{
    const auto& facts = impl_->facts;
    std::vector<readiness_fact> all;
    const auto add = [&](std::string name, bool is_ready, std::string detail) {
        readiness_fact one;
        one.name = std::move(name);
        one.is_ready = is_ready;
        one.detail = std::move(detail);
        all.push_back(std::move(one));
    };
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(facts.age(boot_clock::now()));
    add("listeners", impl_->is_open.load(), impl_->is_open.load() ? "open" : "closed");
    add("directory",
        facts.is_loaded.load() && !facts.is_foreign.load(),
        facts.is_loaded.load() ? "loaded" : "loading");
    // A registry that is away degrades nothing that serves already.
    const bool is_stale = facts.is_stale(boot_clock::now());
    add("registry", true, is_stale ? "no contact for " + std::to_string(age.count()) + " ms" : "in contact");
    add("license", true, std::string(to_text(facts.license.load())));
    return all;
}

license_state router::license() const
{
    return impl_->facts.license.load();
}

const router_id& router::id() const noexcept
{
    return impl_->id;
}

std::function<void()>
router::prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys)
{
    auto& own = *impl_;
    auto tls = load_tls(next->router.tls);
    auto at = std::make_shared<database::endpoint>(registry_endpoint(next->registry));
    own.check_keys(*fresh_keys);
    return [&own, next, fresh_keys, tls, at] {
        own.keys = fresh_keys;
        own.take(*next, tls, std::move(*at));
    };
}

agents::gateway_ports& router::gateway()
{
    return *impl_->ports;
}

void router::on_drain(std::function<void()> call)
{
    impl_->at_drain.push_back(std::move(call));
}

}  // namespace leasehold::router
