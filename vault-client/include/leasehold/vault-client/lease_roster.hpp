#pragma once

#include <leasehold/base/metrics.hpp>
#include <leasehold/vault-client/lease.hpp>
#include <leasehold/vault-client/token_keeper.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace leasehold::vault_client {

struct lease_settings
{
    lease_settings() = default;

    double rotate_at = 0.66;                     // of the term: renewed there, or replaced
    double jitter = 0.1;                         // of the term, both ways
    std::chrono::milliseconds drain{30000};      // at most a quarter of the term
    seconds increment{3600};                     // asked for at a renewal
    std::chrono::milliseconds patience{5000};    // of get() without its own
    std::chrono::milliseconds retry_least{250};  // back-off of failed renewals and fetches, full jitter
    std::chrono::milliseconds retry_most{5000};
    std::chrono::milliseconds timer_step{1000};        // the one timer is never armed further ahead
    std::chrono::milliseconds lost_pause_least{2000};  // after a lost answer
    std::chrono::milliseconds lost_pause_most{10000};
    std::chrono::milliseconds lost_twice_pause{60000};
    std::chrono::milliseconds fault_pause{30000};     // after a failure that only an operator can end
    std::chrono::milliseconds refused_pause{5000};    // after a fresh lease was refused; doubles
    std::chrono::milliseconds refused_window{60000};  // no third fetch within it
    double dooming_share = 0.1;  // of a doomed lease's rest, over which replacements are spread
    int calls_per_server = 4;
    std::size_t queue_per_server = 2000;
    std::chrono::milliseconds stop_limit{10000};
};

enum class lease_end : std::uint8_t
{
    revoked,   // given back after draining
    expired,   // its end came while draining
    dead,      // refused by the server, revoked by an operator, or its token died
    retired,   // retire(): the tenant was suspended, moved, deleted
    discarded  // a successor that could not be verified
};
std::string_view to_text(lease_end value) noexcept;

// What happens to leases, told on the roster's lane; the router posts it on to its relay lanes. Must not
// throw or wait.
class lease_events
{
public:
    virtual ~lease_events() = default;
    // `next` is the lease of its (placement, class) from now on: the first, or a verified successor. New
    // server connections log in with it. `previous` (number 0: none) is draining: see on_ending.
    virtual void on_successor(lease_ptr next, lease_ref previous) = 0;
    // The same login lives longer.
    virtual void on_renewed(lease_ptr renewed) = 0;
    // Lend no connection of this lease any more; close each at give-back, the rest at `by` at the latest (the
    // lease's end − 3 s, which a renewal moves). When the last is closed, call roster.drained().
    virtual void on_ending(lease_ref which, boot_time by) = 0;
    // `drain` before its end, and nothing has moved that: who cannot go over to another connection is told.
    virtual void on_last_call(lease_ref which, boot_time by) = 0;
    // Over. Close what is left, at once.
    virtual void on_ended(lease_ref which, lease_end why) = 0;
};

// What one login with a fresh lease showed. Asked before a successor replaces a lease that still
// works.
class lease_verifier
{
public:
    virtual ~lease_verifier() = default;
    // True: logged in and the session is what the directory says. False: the server refused or the session is
    // wrong (the lease is revoked). Throws when it could not be found out (the successor is given up, the old
    // lease goes on).
    virtual task<bool> verify(lease_ptr fresh) = 0;
};

// All leases of a process: one keeper per (placement, class), one timer. A lease is fetched at first need,
// renewed at 0.66 of its term while it is used, replaced before its end when it is capped or doomed, revoked
// when nobody uses it. Owner and thread: the broker's lane. Everything given to the constructor outlives it.
class lease_roster
{
public:
    lease_roster(
        asio::io_context& on,
        broker& at,
        token_keeper& tokens,
        lease_verifier& verifier,
        lease_events& events,
        lease_settings settings = lease_settings(),
        const clock_source& clock = real_clock(),
        metrics& into = process_metrics()
    );
    ~lease_roster();
    lease_roster(const lease_roster&) = delete;
    lease_roster& operator=(const lease_roster&) = delete;

    // Single-flight per (placement, class); each waiter has its own patience (> 0). Never a lease with less
    // than `drain` left. Class migrate, support: refused (`broker_role_refused`); the router may never ask
    // for them. Errors: vault_client::error with the cause of the fetch; timeout "broker_timeout".
    task<lease_ptr> get(placement_key placement, role_class role, std::chrono::milliseconds patience);
    // What get() would answer at once, or null.
    [[nodiscard]] lease_ptr find(const placement_key& placement, role_class role) const;

    // A connection logged in with it, or one is lent: an unused lease is not renewed.
    void note_used(lease_ref which);
    // A pinned session keeps a connection of it: even a draining lease is renewed then, up to its maximum.
    // Said again every few seconds.
    void note_kept(lease_ref which);
    // Its last server connection is closed: a draining lease is revoked now.
    void drained(lease_ref which);
    // 28P01 at login, 57P01 in use: that lease is dead at once, whoever says it first; later reports do
    // nothing.
    void report_refused(lease_ref which, std::string_view sqlstate);
    // Kill, move, suspend: every lease of the tenant ends now, is revoked and forgotten; waiters get
    // `broker_lease_retired`.
    void retire(tenant_id tenant);
    // Somebody who could use the tenant's leases must not any more, and may have given one a password of his
    // own: each is replaced now and revoked when its last connection has closed, after `drain` at most.
    void replace(tenant_id tenant);
    // A placement generation that is no longer current.
    void retire(tenant_id tenant, int placement_generation);

    struct counts
    {
        std::size_t held = 0;
        std::size_t fetching = 0;
        std::size_t draining = 0;
        std::size_t keepers = 0;
        std::size_t timers = 0;  // armed: 0 or 1
    };
    [[nodiscard]] counts count() const noexcept;

    // Fetches and renews no more, waits for calls in flight and gives the leases back, at most stop_limit.
    // Does not throw. Then the token's keeper is stopped.
    task<void> stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::vault_client
