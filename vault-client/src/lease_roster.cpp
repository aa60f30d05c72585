#include "call_gate.hpp"
#include "lease_keeper.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace leasehold::vault_client {
namespace {

// What the outside calls a keeper.
struct keeper_key
{
    tenant_id tenant;
    int generation = 0;
    role_class role = role_class::rw;
    friend auto operator<=>(const keeper_key&, const keeper_key&) = default;
};

keeper_key key_of(const lease_ref& which)
{
    keeper_key key;
    key.tenant = which.tenant;
    key.generation = which.placement_generation;
    key.role = which.role;
    return key;
}

struct waiter
{
    explicit waiter(asio::io_context& on) : timer(on) {}
    asio::steady_timer timer;
    lease_ptr got;
    std::optional<failure_report> failed;
};

failure_report report_of(const std::exception& why)
{
    if (const auto* ours = dynamic_cast<const error*>(&why)) return ours->report();
    // Not the broker: a secret file that cannot be read, an arena that is full.
    failure_report report(failure::login_refused);
    if (const auto* other = dynamic_cast<const leasehold::error*>(&why)) report.broker_text = other->code();
    return report;
}

}  // namespace

std::string_view to_text(lease_end value) noexcept
{
    switch (value) {
    case lease_end::revoked:
        return "revoked";
    case lease_end::expired:
        return "expired";
    case lease_end::dead:
        return "dead";
    case lease_end::retired:
        return "retired";
    case lease_end::discarded:
        return "discarded";
    }
    return "dead";
}

struct lease_roster::impl : std::enable_shared_from_this<lease_roster::impl>
{
    impl(
        asio::io_context& on,
        broker& to,
        token_keeper& with,
        lease_verifier& by,
        lease_events& tell,
        lease_settings how,
        const clock_source& time,
        metrics& into
    )
        : lane(on)
        , at(to)
        , tokens(with)
        , verifier(by)
        , events(tell)
        , settings(how)
        , clock(time)
        , counters(into)
        , timer(on)
        , gate(std::make_shared<call_gate>(on, how.calls_per_server, how.queue_per_server))
    {}

    struct entry
    {
        explicit entry(lease_keeper made) : keeper(std::move(made)) {}
        lease_keeper keeper;
        std::vector<std::shared_ptr<waiter>> waiters;
        boot_time due = boot_time::max();
    };

    asio::io_context& lane;
    broker& at;
    token_keeper& tokens;
    lease_verifier& verifier;
    lease_events& events;
    lease_settings settings;
    const clock_source& clock;
    metrics& counters;
    asio::steady_timer timer;
    std::shared_ptr<call_gate> gate;
    jitter chance;
    std::uint64_t next_number = 0;
    std::map<keeper_key, std::unique_ptr<entry>> entries;
    std::set<std::pair<boot_time, keeper_key>> due;  // of every keeper that waits for a moment
    std::optional<boot_time> armed_for;
    bool stopping = false;

    entry* find(const keeper_key& key) noexcept
    {
        const auto found = entries.find(key);
        return found == entries.end() ? nullptr : found->second.get();
    }
    entry& find_or_make(const placement_key& placement, const keeper_key& key);
    // Gives the keeper of `key` one event, does what it says, and plans its next moment. False: there is no
    // such keeper.
    template <class Event>
    bool tell(const keeper_key& key, const Event& event);
    void perform(const keeper_key& key, const std::string& server, lease_actions todo);
    void perform_one(const keeper_key& key, const std::string& server, lease_action& what);
    void plan(const keeper_key& key);
    void arm();
    void tick();
    void wake(const keeper_key& key, const lease_ptr& got, const std::optional<failure_report>& failed);
    void give_back(const std::string& server, const lease_id& id);
    void count(std::string_view name, std::string_view help, std::string_view outcome);
    void retire(const keeper_key& key, failure why);

    task<void> fetch(keeper_key key, std::uint64_t number);
    task<void> renew(keeper_key key, std::uint64_t number, lease_id id, seconds increment);
    task<void> revoke(lease_id id);
    static task<void>
    verify(std::shared_ptr<impl> self, keeper_key key, std::uint64_t number, lease_ptr fresh);
};

lease_roster::impl::entry&
lease_roster::impl::find_or_make(const placement_key& placement, const keeper_key& key)
{
    auto& slot = entries[key];
    if (!slot) {
        lease_keeper made(placement, key.role, settings, chance, next_number);
        slot = std::make_unique<entry>(std::move(made));
    }
    return *slot;
}

template <class Event>
bool lease_roster::impl::tell(const keeper_key& key, const Event& event)
{
    auto* const found = find(key);
    if (found == nullptr) return false;
    const auto server = found->keeper.placement().server;
    lease_actions todo;
    event(found->keeper, todo);
    perform(key, server, std::move(todo));
    plan(key);
    return true;
}

void lease_roster::impl::perform(const keeper_key& key, const std::string& server, lease_actions todo)
{
    for (auto& what : todo) perform_one(key, server, what);
}

void lease_roster::impl::count(std::string_view name, std::string_view help, std::string_view outcome)
{
    counters.make_counter(name, help, {{"outcome", outcome}}).add();
}

void lease_roster::impl::give_back(const std::string& server, const lease_id& id)
{
    const auto self = shared_from_this();
    auto work = [self, id] { return self->revoke(id); };
    if (!gate->push(server, call_rank::revocation, std::move(work))) {
        log::warn(
            "lease.not_revoked", {{"lease", id.fingerprint()}, {"server", server}, {"cause", "queue_full"}}
        );
    }
}

void lease_roster::impl::perform_one(const keeper_key& key, const std::string& server, lease_action& what)
{
    using kind = lease_action::kind;
    const auto self = shared_from_this();
    const auto tenant = tid::of(key.tenant);
    switch (what.what) {
    case kind::fetch: {
        const auto number = what.number;
        auto work = [self, key, number] { return self->fetch(key, number); };
        const auto rank = what.is_urgent ? call_rank::waiting_session : call_rank::rotation;
        if (!gate->push(server, rank, std::move(work))) {
            tell(key, [&](lease_keeper& k, lease_actions& out) {
                k.fetch_failed(number, failure_report(failure::busy), clock.boot(), out);
            });
        }
        return;
    }
    case kind::renew: {
        const auto number = what.number;
        const auto id = what.lease->login->id;
        const auto increment = what.increment;
        auto work = [self, key, number, id, increment] { return self->renew(key, number, id, increment); };
        if (!gate->push(server, call_rank::renewal, std::move(work))) {
            tell(key, [&](lease_keeper& k, lease_actions& out) {
                k.renew_failed(number, failure_report(failure::busy), clock.boot(), out);
            });
        }
        return;
    }
    case kind::verify:
        spawn(lane, "lease_roster.verify", verify(self, key, what.number, what.lease));
        return;
    case kind::revoke:
        give_back(server, *what.id);
        return;
    case kind::answer:
        wake(key, what.lease, std::nullopt);
        return;
    case kind::fail:
        wake(key, nullptr, what.cause);
        return;
    case kind::successor:
        log::info(
            "lease.held",
            {{"tenant", tenant.text()},
             {"role_class", to_text(key.role)},
             {"lease", what.lease->login->id.fingerprint()},
             {"number", what.lease->ref.number},
             {"seconds", what.lease->term.count()}}
        );
        if (what.previous.number != 0)
            count("leasehold_broker_rotations_total", "Leases that got a successor", "ok");
        events.on_successor(what.lease, what.previous);
        return;
    case kind::renewed:
        events.on_renewed(what.lease);
        return;
    case kind::ending:
        events.on_ending(what.previous, what.by);
        return;
    case kind::last_call:
        events.on_last_call(what.previous, what.by);
        return;
    case kind::ended:
        log::info(
            "lease.ended",
            {{"tenant", tenant.text()},
             {"role_class", to_text(key.role)},
             {"number", what.previous.number},
             {"why", to_text(what.why)}}
        );
        if (what.why == lease_end::discarded) {
            count("leasehold_broker_rotations_total", "Leases that got a successor", "discarded");
        }
        events.on_ended(what.previous, what.why);
        return;
    case kind::orphan:
        log::warn(
            "lease.possible_orphan",
            {{"tenant", tenant.text()}, {"role_class", to_text(key.role)}, {"server", server}}
        );
        counters
            .make_counter(
                "leasehold_broker_possible_orphans_total",
                "Logins that may exist and that nobody can name",
                {{"server", server}}
            )
            .add();
        return;
    case kind::wrong_tenant:
        log::error(
            "lease.wrong_tenant",
            {{"tenant", tenant.text()}, {"role_class", to_text(key.role)}, {"server", server}}
        );
        return;
    }
}

void lease_roster::impl::wake(
    const keeper_key& key, const lease_ptr& got, const std::optional<failure_report>& failed
)
{
    auto* const found = find(key);
    if (found == nullptr) return;
    const auto waiters = std::move(found->waiters);
    found->waiters.clear();
    for (const auto& one : waiters) {
        one->got = got;
        one->failed = failed;
        one->timer.cancel();
    }
}

void lease_roster::impl::plan(const keeper_key& key)
{
    auto* const found = find(key);
    if (found == nullptr) return;
    if (found->due != boot_time::max()) due.erase({found->due, key});
    found->due = found->keeper.due_at();
    if (found->due == boot_time::max()) {
        if (found->waiters.empty() && found->keeper.is_forgettable(clock.boot())) entries.erase(key);
    } else {
        due.emplace(found->due, key);
    }
    arm();
}

void lease_roster::impl::arm()
{
    if (due.empty() || stopping) {
        timer.cancel();
        armed_for.reset();
        return;
    }
    const auto now = clock.boot();
    const auto at_most = now + settings.timer_step;  // a machine that slept must notice soon after waking
    const auto wanted = std::min(due.begin()->first, at_most);
    if (armed_for && *armed_for <= wanted && *armed_for >= now) return;
    armed_for = wanted;
    const auto wait = std::max<std::chrono::nanoseconds>(wanted - now, std::chrono::milliseconds(1));
    timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(wait));
    timer.async_wait([self = weak_from_this()](boost::system::error_code cancelled) {
        const auto roster = self.lock();
        if (!cancelled && roster && !roster->stopping) roster->tick();
    });
}

void lease_roster::impl::tick()
{
    armed_for.reset();
    const auto now = clock.boot();
    std::vector<keeper_key> ready;
    for (const auto& [when, key] : due) {
        if (when > now) break;
        ready.push_back(key);
    }
    for (const auto& key : ready) {
        tell(key, [&](lease_keeper& k, lease_actions& out) { k.due(now, out); });
        auto* const found = find(key);
        if (found != nullptr && found->waiters.empty() && found->keeper.is_forgettable(now)) {
            if (found->due != boot_time::max()) due.erase({found->due, key});
            entries.erase(key);
        }
    }
    arm();
}

task<void> lease_roster::impl::fetch(keeper_key key, std::uint64_t number)
{
    auto* const found = find(key);
    if (found == nullptr) co_return;  // retired while it was queued
    const auto role = found->keeper.role_name();
    const auto server = found->keeper.placement().server;
    const auto under = tokens.generation();
    std::optional<issued> got;
    std::optional<failure_report> failed;
    try {
        auto came = co_await at.issue(role, write_index());
        got.emplace(std::move(came));
        if (got->token_generation == 0) got->token_generation = under != 0 ? under : tokens.generation();
    } catch (const std::exception& why) {
        failed = report_of(why);
        log::failure(
            "lease.fetch_failed",
            why,
            {{"tenant", tid::of(key.tenant).text()}, {"role_class", to_text(key.role)}, {"server", server}}
        );
    }
    const auto now = clock.boot();
    if (failed) {
        tell(key, [&](lease_keeper& k, lease_actions& out) {
            k.fetch_failed(number, std::move(*failed), now, out);
        });
        co_return;
    }
    const auto id = got->id;
    const bool told =
        tell(key, [&](lease_keeper& k, lease_actions& out) { k.fetched(number, std::move(*got), now, out); });
    if (!told) give_back(server, id);
}

task<void> lease_roster::impl::renew(keeper_key key, std::uint64_t number, lease_id id, seconds increment)
{
    std::optional<term> got;
    std::optional<failure_report> failed;
    try {
        const auto came = co_await at.renew(id, increment);
        got = came;
    } catch (const std::exception& why) {
        failed = report_of(why);
        log::failure(
            "lease.renewal_failed",
            why,
            {{"tenant", tid::of(key.tenant).text()},
             {"role_class", to_text(key.role)},
             {"lease", id.fingerprint()}}
        );
    }
    const auto now = clock.boot();
    if (failed) {
        count("leasehold_broker_renewals_total", "Renewals of leases", facts_of(failed->what).name);
        tell(key, [&](lease_keeper& k, lease_actions& out) { k.renew_failed(number, *failed, now, out); });
        co_return;
    }
    count("leasehold_broker_renewals_total", "Renewals of leases", "ok");
    tell(key, [&](lease_keeper& k, lease_actions& out) { k.renewed(number, *got, now, out); });
}

task<void> lease_roster::impl::revoke(lease_id id)
{
    try {
        co_await at.revoke(id, completion::queued);
    } catch (const std::exception& why) {
        // It ends by its term at the latest.
        log::failure("lease.revocation_failed", why, {{"lease", id.fingerprint()}});
    }
}

task<void>
lease_roster::impl::verify(std::shared_ptr<impl> self, keeper_key key, std::uint64_t number, lease_ptr fresh)
{
    std::optional<bool> good;
    try {
        const bool said = co_await self->verifier.verify(fresh);
        good = said;
    } catch (const std::exception& why) {
        log::failure(
            "lease.verification_failed",
            why,
            {{"tenant", tid::of(key.tenant).text()}, {"role_class", to_text(key.role)}}
        );
    }
    const auto now = self->clock.boot();
    self->tell(key, [&](lease_keeper& k, lease_actions& out) {
        if (good) {
            k.verified(number, *good, now, out);
        } else {
            k.verify_failed(number, now, out);
        }
    });
}

void lease_roster::impl::retire(const keeper_key& key, failure why)
{
    const auto now = clock.boot();
    tell(key, [&](lease_keeper& k, lease_actions& out) { k.retire(why, now, out); });
    auto* const found = find(key);
    if (found == nullptr) return;
    if (found->due != boot_time::max()) due.erase({found->due, key});
    entries.erase(key);
}

lease_roster::lease_roster(
    asio::io_context& on,
    broker& at,
    token_keeper& tokens,
    lease_verifier& verifier,
    lease_events& events,
    lease_settings settings,
    const clock_source& clock,
    metrics& into
)
    : impl_(std::make_shared<impl>(on, at, tokens, verifier, events, settings, clock, into))
{
    tokens.on_new_generation([weak = std::weak_ptr<impl>(impl_)](std::uint64_t generation) {
        const auto self = weak.lock();
        if (!self) return;
        const auto now = self->clock.boot();
        std::vector<keeper_key> keys;
        for (const auto& [key, one] : self->entries) keys.push_back(key);
        for (const auto& key : keys) {
            self->tell(key, [&](lease_keeper& k, lease_actions&) {
                k.doom(generation, self->settings.dooming_share, now);
            });
        }
    });
}

lease_roster::~lease_roster()
{
    impl_->stopping = true;
    impl_->timer.cancel();
}

task<lease_ptr>
lease_roster::get(placement_key placement, role_class role, std::chrono::milliseconds patience)
{
    const auto self = impl_;
    if (role == role_class::migrate || role == role_class::support) throw error(failure::role_refused);
    if (self->stopping) throw error(failure::stopping);
    keeper_key key;
    key.tenant = placement.tenant;
    key.generation = placement.generation;
    key.role = role;
    auto& mine = self->find_or_make(placement, key);
    auto me = std::make_shared<waiter>(self->lane);
    me->timer.expires_after(patience.count() > 0 ? patience : self->settings.patience);
    mine.waiters.push_back(me);
    lease_ptr ready;
    self->tell(key, [&](lease_keeper& k, lease_actions& out) { ready = k.need(self->clock.boot(), out); });
    const auto forget_me = [&] {
        auto* const found = self->find(key);
        if (found == nullptr) return false;
        const auto at = std::find(found->waiters.begin(), found->waiters.end(), me);
        if (at == found->waiters.end()) return false;
        found->waiters.erase(at);
        return true;
    };
    if (ready) {
        forget_me();
        co_return ready;
    }
    if (!me->got && !me->failed) {
        boost::system::error_code ignored;
        co_await me->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (me->got) co_return me->got;
    if (me->failed) throw error(*me->failed);
    if (forget_me()) self->tell(key, [](lease_keeper& k, lease_actions&) { k.gave_up(); });
    throw error(failure::timeout);
}

lease_ptr lease_roster::find(const placement_key& placement, role_class role) const
{
    keeper_key key;
    key.tenant = placement.tenant;
    key.generation = placement.generation;
    key.role = role;
    auto* const found = impl_->find(key);
    return found == nullptr ? nullptr : found->keeper.usable(impl_->clock.boot());
}

void lease_roster::note_used(lease_ref which)
{
    if (auto* const found = impl_->find(key_of(which))) found->keeper.used(which.number);
}

void lease_roster::note_kept(lease_ref which)
{
    impl_->tell(key_of(which), [&](lease_keeper& k, lease_actions&) { k.kept(which.number); });
}

void lease_roster::drained(lease_ref which)
{
    impl_->tell(key_of(which), [&](lease_keeper& k, lease_actions& out) {
        k.drained(which.number, impl_->clock.boot(), out);
    });
}

void lease_roster::report_refused(lease_ref which, std::string_view sqlstate)
{
    log::warn(
        "lease.refused",
        {{"tenant", tid::of(which.tenant).text()},
         {"role_class", to_text(which.role)},
         {"number", which.number},
         {"sqlstate", sqlstate}}
    );
    impl_->tell(key_of(which), [&](lease_keeper& k, lease_actions& out) {
        k.refused(which.number, impl_->clock.boot(), out);
    });
}

void lease_roster::retire(tenant_id tenant)
{
    std::vector<keeper_key> keys;
    for (const auto& [key, one] : impl_->entries) {
        if (key.tenant == tenant) keys.push_back(key);
    }
    for (const auto& key : keys) impl_->retire(key, failure::retired);
}

void lease_roster::replace(tenant_id tenant)
{
    std::vector<keeper_key> keys;
    for (const auto& [key, one] : impl_->entries) {
        if (key.tenant == tenant) keys.push_back(key);
    }
    for (const auto& key : keys) {
        impl_->tell(key, [&](lease_keeper& k, lease_actions& out) { k.replace(impl_->clock.boot(), out); });
    }
}

void lease_roster::retire(tenant_id tenant, int placement_generation)
{
    std::vector<keeper_key> keys;
    for (const auto& [key, one] : impl_->entries) {
        if (key.tenant == tenant && key.generation == placement_generation) keys.push_back(key);
    }
    for (const auto& key : keys) impl_->retire(key, failure::retired);
}

lease_roster::counts lease_roster::count() const noexcept
{
    counts result;
    for (const auto& [key, one] : impl_->entries) {
        const auto state = one->keeper.state();
        if (state == lease_state::fetching) ++result.fetching;
        if (state != lease_state::fetching && state != lease_state::absent) ++result.held;
        result.draining += one->keeper.draining();
    }
    result.keepers = impl_->entries.size();
    result.timers = impl_->armed_for ? 1 : 0;
    return result;
}

task<void> lease_roster::stop()
{
    const auto self = impl_;
    if (self->stopping) co_return;
    self->stopping = true;
    self->arm();
    for (const auto& [key, one] : self->entries) self->wake(key, nullptr, failure_report(failure::stopping));
    try {
        auto idle = self->gate->until_idle();
        co_await with_timeout(std::move(idle), self->settings.stop_limit, "broker_timeout");
        // What lives under our present token ends with it; the rest is given back one by one.
        for (const auto& [key, one] : self->entries) {
            for (const auto& l : one->keeper.all()) {
                const bool by_token =
                    self->tokens.owns_token() && l->token_generation == self->tokens.generation();
                if (!by_token) self->give_back(one->keeper.placement().server, l->login->id);
            }
        }
        auto given = self->gate->until_idle();
        co_await with_timeout(std::move(given), self->settings.stop_limit, "broker_timeout");
    } catch (const std::exception& why) {
        log::failure("lease_roster.stop_failed", why);
    }
    self->entries.clear();
    self->due.clear();
}

}  // namespace leasehold::vault_client
