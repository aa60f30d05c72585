#include "jitter.hpp"
#include "signal.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/vault-client/token_keeper.hpp>

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace leasehold::vault_client {
namespace {

constexpr std::chrono::seconds capped_by{5};  // an answer this much shorter than asked is capped

boot_time never() noexcept
{
    return boot_time::max();
}

}  // namespace

struct token_keeper::impl : std::enable_shared_from_this<token_keeper::impl>
{
    impl(
        asio::io_context& on,
        broker& to,
        identity& as,
        token_settings with,
        const clock_source& time,
        metrics& into
    )
        : lane(on)
        , at(to)
        , who(as)
        , settings(with)
        , clock(time)
        , timer(on)
        , login_done(on.get_executor())
        , logins_ok(
              into.make_counter("leasehold_broker_logins_total", "Logins at the broker", {{"outcome", "ok"}})
          )
        , logins_failed(into.make_counter(
              "leasehold_broker_logins_total", "Logins at the broker", {{"outcome", "failed"}}
          ))
        , ends_gauge(into.make_gauge("leasehold_broker_token_ends_seconds", "Time left of our token"))
    {}

    asio::io_context& lane;
    broker& at;
    identity& who;
    token_settings settings;
    const clock_source& clock;
    asio::steady_timer timer;
    signal login_done;
    metrics::counter logins_ok;
    metrics::counter logins_failed;
    metrics::gauge ends_gauge;
    jitter chance;

    std::shared_ptr<const secret<std::string>> token;
    std::uint64_t generation = 0;
    boot_time ends = never();
    boot_time renew_at = never();
    seconds full_term{0};
    std::vector<std::string> policies;
    bool logging_in = false;
    bool renewing = false;
    bool login_wanted = false;  // capped or dead: a fresh login at renew_at instead of a renewal
    bool armed = false;
    bool stopping = false;
    int tries = 0;
    std::exception_ptr last_failure;
    std::function<void(std::uint64_t)> on_new_generation;

    void take(token_grant grant);
    void plan(seconds term, boot_time from);
    void arm();
    void tick();
    task<void> login();
    task<std::uint64_t> login_once(std::uint64_t after);
    task<void> renew();
};

void token_keeper::impl::plan(seconds term, boot_time from)
{
    if (term == seconds(0)) {  // a token without end
        ends = never();
        renew_at = never();
        return;
    }
    ends = from + term;
    const double share = std::clamp(settings.renew_at * (1 + chance.both_ways(settings.jitter)), 0.05, 0.95);
    renew_at =
        from +
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(term) * share);
}

void token_keeper::impl::take(token_grant grant)
{
    // Leases under a batch token end with it, and a counted one would end in the middle of anything.
    if (!grant.is_service || grant.uses != 0) throw error(failure::token_unsuitable, who.name());
    token = std::make_shared<const secret<std::string>>(std::move(grant.token));
    at.use_token(token);
    policies = std::move(grant.policies);
    full_term = grant.ttl;
    plan(grant.ttl, grant.asked_at);
    login_wanted = !grant.renewable;
    tries = 0;
    ++generation;
    logins_ok.add();
    log::info(
        "broker.logged_in",
        {{"identity", who.name()}, {"seconds", grant.ttl.count()}, {"generation", generation}}
    );
    arm();
    if (generation > 1 && on_new_generation) on_new_generation(generation);
}

task<void> token_keeper::impl::login()
{
    std::exception_ptr failed;
    try {
        auto grant = co_await who.login(at);
        take(std::move(grant));
    } catch (...) {
        failed = std::current_exception();
    }
    last_failure = failed;
    if (!failed) co_return;
    logins_failed.add();
    at.use_token(token);  // a token identity tried another one
    try {
        std::rethrow_exception(failed);
    } catch (const std::exception& why) {
        log::failure("broker.login_failed", why, {{"identity", who.name()}});
    }
    std::rethrow_exception(failed);
}

// One login for everybody who found generation `after` wanting.
task<std::uint64_t> token_keeper::impl::login_once(std::uint64_t after)
{
    const auto self = shared_from_this();
    if (generation > after) co_return generation;
    if (stopping) throw error(failure::stopping);
    if (logging_in) {
        while (logging_in) co_await login_done.wait();
        if (generation > after) co_return generation;
        if (last_failure) std::rethrow_exception(last_failure);
        throw error(failure::token_dead);
    }
    logging_in = true;
    std::exception_ptr failed;
    try {
        co_await login();
    } catch (...) {
        failed = std::current_exception();
    }
    logging_in = false;
    login_done.wake();
    if (failed) std::rethrow_exception(failed);
    co_return generation;
}

task<void> token_keeper::impl::renew()
{
    const auto self = shared_from_this();
    const auto mine = generation;
    std::optional<term> got;
    bool fresh_login = login_wanted;
    if (!fresh_login) {
        try {
            auto term_now = co_await at.renew_self(settings.increment);
            got = term_now;
        } catch (const error& why) {
            fresh_login = why.cause() == failure::token_dead || why.cause() == failure::lease_gone ||
                          why.cause() == failure::refused;
            if (!fresh_login) log::failure("broker.token_renewal_failed", why, {{"identity", who.name()}});
        } catch (const std::exception& why) {
            log::failure("broker.token_renewal_failed", why, {{"identity", who.name()}});
        }
    }
    if (generation != mine || stopping) {  // a newer login came in between: this renewal is nobody's
        renewing = false;
        co_return;
    }
    bool done = false;
    if (got) {
        done = true;
        tries = 0;
        const auto asked = std::min(settings.increment, std::max(full_term, seconds(1)));
        plan(got->duration, got->asked_at);
        if (got->duration + capped_by < asked || !got->renewable) {
            // Capped: a fresh login while a third of the rest is left.
            login_wanted = true;
            renew_at = got->asked_at + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                           std::chrono::duration<double>(got->duration) * 2 / 3
                                       );
        }
    } else if (fresh_login) {
        try {
            co_await login_once(mine);
            done = true;
        } catch (const std::exception&) {  // logged by login()
        }
    }
    if (!done) renew_at = clock.boot() + chance.back_off(tries++, settings.retry_least, settings.retry_most);
    renewing = false;
    arm();
}

void token_keeper::impl::tick()
{
    const auto now = clock.boot();
    if (ends != never()) ends_gauge.set(std::chrono::duration<double>(ends - now).count());
    if (now < renew_at || renewing || logging_in) {
        arm();
        return;
    }
    renewing = true;
    spawn(lane, "token_keeper.renew", renew());
    arm();
}

void token_keeper::impl::arm()
{
    if (armed || stopping || renew_at == never()) return;
    const auto left =
        std::max<std::chrono::nanoseconds>(renew_at - clock.boot(), std::chrono::milliseconds(1));
    const auto step = std::min<std::chrono::nanoseconds>(left, settings.timer_step);
    // While a renewal is in flight there is nothing to be early for.
    timer.expires_after(
        renewing ? std::chrono::duration_cast<asio::steady_timer::duration>(settings.timer_step)
                 : std::chrono::duration_cast<asio::steady_timer::duration>(step)
    );
    armed = true;
    timer.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
        self->armed = false;
        if (!cancelled && !self->stopping) self->tick();
    });
}

token_keeper::token_keeper(
    asio::io_context& on, broker& at, identity& who, token_settings settings, clock_ref clock, metrics& into
)
    : impl_(std::make_shared<impl>(on, at, who, settings, clock, into))
{}

token_keeper::~token_keeper()
{
    impl_->stopping = true;
    impl_->on_new_generation = nullptr;
    impl_->timer.cancel();
}

task<std::uint64_t> token_keeper::ensure()
{
    const auto self = impl_;
    if (self->generation == 0) {
        co_return co_await self->login_once(0);
    }
    co_return self->generation;
}

task<std::uint64_t> token_keeper::replace(std::uint64_t generation)
{
    const auto self = impl_;
    co_return co_await self->login_once(generation);
}

std::uint64_t token_keeper::generation() const noexcept
{
    return impl_->generation;
}

bool token_keeper::owns_token() const noexcept
{
    return impl_->who.owns_token();
}

boot_time token_keeper::ends_at() const noexcept
{
    return impl_->ends;
}

const std::vector<std::string>& token_keeper::policies() const noexcept
{
    return impl_->policies;
}

void token_keeper::on_new_generation(std::function<void(std::uint64_t)> call)
{
    impl_->on_new_generation = std::move(call);
}

task<void> token_keeper::stop()
{
    const auto self = impl_;
    if (self->stopping) co_return;
    self->stopping = true;
    self->timer.cancel();
    if (self->generation == 0 || !self->who.owns_token()) co_return;
    try {
        auto farewell = self->at.revoke_self();
        co_await with_timeout(std::move(farewell), self->settings.stop_limit, "broker_timeout");
        log::info("broker.logged_out", {{"identity", self->who.name()}});
    } catch (const std::exception& why) {
        log::failure("broker.logout_failed", why, {{"identity", self->who.name()}});
    }
    self->at.use_token(nullptr);
}

}  // namespace leasehold::vault_client
