#pragma once

#include "jitter.hpp"

#include <leasehold/vault-client/lease.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace leasehold::vault_client {

enum class lease_state : std::uint8_t
{
    absent,      // no lease, nothing under way
    fetching,    // the first one is asked for
    held,        // usable
    renewing,    // held, and its renewal is under way
    succeeding,  // held, and its successor is fetched or verified
};

// What the roster has to do, in this order.
struct lease_action
{
    enum class kind : std::uint8_t
    {
        fetch,         // issue a login, answer with fetched() or fetch_failed() of `number`
        renew,         // renew `lease` by `increment`, answer with renewed() or renew_failed()
        verify,        // one login with `lease`, answer with verified() or verify_failed()
        revoke,        // give `id` back; nobody waits for it
        answer,        // all waiters get `lease`
        fail,          // all waiters get `cause`
        successor,     // event: `lease` follows `previous`
        renewed,       // event
        ending,        // event: `previous`, `by`
        last_call,     // event: `previous`, `by`
        ended,         // event: `previous`, `why`
        orphan,        // a login may exist that nobody can name
        wrong_tenant,  // alarm
    };
    kind what = kind::fetch;
    std::uint64_t number = 0;
    bool is_urgent = false;  // fetch: somebody waits
    lease_ptr lease{};
    std::optional<lease_id> id{};
    seconds increment{0};
    lease_ref previous{};
    boot_time by{};
    lease_end why = lease_end::revoked;
    std::optional<failure_report> cause{};
};
using lease_actions = std::vector<lease_action>;

// Keeps one lease usable for one placement and role class. A pure state machine: events in, actions
// out; it knows no clock, no broker and no thread. Numbers of leases come from outside and are never
// used twice; an event whose number is not current is dropped (a login that comes too late is given back).
class lease_keeper
{
public:
    // `settings`, `chance` and `next_number` belong to the roster.
    lease_keeper(
        placement_key placement,
        role_class role,
        const lease_settings& settings,
        jitter& chance,
        std::uint64_t& next_number
    );

    // -- events --
    // Somebody wants a lease: it, or null: it comes by `answer` or `fail` (which may stand in `out` already).
    lease_ptr need(boot_time now, lease_actions& out);
    void gave_up() noexcept;  // one who waited no longer does
    void fetched(std::uint64_t number, issued got, boot_time now, lease_actions& out);
    void fetch_failed(std::uint64_t number, failure_report why, boot_time now, lease_actions& out);
    void renewed(std::uint64_t number, term got, boot_time now, lease_actions& out);
    void renew_failed(std::uint64_t number, const failure_report& why, boot_time now, lease_actions& out);
    void verified(std::uint64_t number, bool is_good, boot_time now, lease_actions& out);
    void verify_failed(std::uint64_t number, boot_time now, lease_actions& out);
    void used(std::uint64_t number) noexcept;
    void kept(std::uint64_t number) noexcept;  // by a session that cannot go over to the successor
    void drained(std::uint64_t number, boot_time now, lease_actions& out);
    void refused(std::uint64_t number, boot_time now, lease_actions& out);
    // Tokens older than `generation` have ended or will: their leases are replaced, spread over `share` of
    // what is left of each.
    void doom(std::uint64_t generation, double share, boot_time now);
    void retire(failure why, boot_time now, lease_actions& out);
    // Somebody who may know its login must not have it any more: a successor at once, then the lease is given
    // back after `drain` at most, whoever uses it.
    void replace(boot_time now, lease_actions& out);
    // The time that due_at() named has come.
    void due(boot_time now, lease_actions& out);

    // -- state --
    [[nodiscard]] boot_time due_at() const noexcept;  // max(): nothing to wait for
    [[nodiscard]] lease_ptr usable(boot_time now) const noexcept;
    [[nodiscard]] lease_state state() const noexcept;
    [[nodiscard]] std::size_t draining() const noexcept { return draining_.size(); }
    [[nodiscard]] bool is_forgettable(boot_time now) const noexcept;
    [[nodiscard]] const placement_key& placement() const noexcept { return placement_; }
    [[nodiscard]] role_class role() const noexcept { return role_; }
    [[nodiscard]] const broker_role& role_name() const noexcept { return role_name_; }
    // What the broker still holds for us and would keep if we went away without a word.
    [[nodiscard]] std::vector<lease_ptr> all() const;

private:
    struct held
    {
        lease_ptr lease;
        seconds issued_term{0};  // as first given: what a renewal asks for
        boot_time act_at;        // renew, replace or let go
        bool replace = false;    // capped, doomed, or not renewable: a successor instead of a renewal
        bool is_final = false;   // capped, not renewable, or to be given back: it ends when it ends
        bool is_suspect = false;
        boot_time until = boot_time::max();  // while draining: given back then
        bool used = false;                   // while draining: kept
        bool renewing = false;
        bool last_called = false;
        int tries = 0;
    };
    enum class next_state : std::uint8_t
    {
        none,
        fetching,
        verifying
    };

    [[nodiscard]] lease_ref ref(std::uint64_t number) const;
    [[nodiscard]] std::chrono::nanoseconds drain_of(const held& one) const noexcept;
    [[nodiscard]] boot_time plan(const held& one) const;
    [[nodiscard]] held* find_renewing(std::uint64_t number) noexcept;
    [[nodiscard]] boot_time due_at_of(const held& one) const noexcept;
    void start_renewal(held& one, lease_actions& out) const;
    void call_last(held& one, boot_time now, lease_actions& out) const;
    void drain_due(boot_time now, lease_actions& out);
    void start_fetch(boot_time now, lease_actions& out);
    void promote(lease_ptr next, boot_time now, lease_actions& out);
    void start_draining(held old, boot_time now, lease_actions& out);
    void tell_ending(held& one, boot_time now, lease_actions& out) const;
    void let_go(lease_end why, bool revoke, lease_actions& out);  // of the current one, at once
    void after_loss_of_current(bool wanted, boot_time now, lease_actions& out);
    void give_back(const lease_ptr& l, lease_end why, lease_actions& out);
    void fail_waiters(failure_report why, lease_actions& out);
    void note_refusal(boot_time now);
    void retry_succession(boot_time now);

    placement_key placement_;
    role_class role_;
    broker_role role_name_;
    const lease_settings& settings_;
    jitter& chance_;
    std::uint64_t& next_number_;

    std::optional<held> current_;
    next_state next_ = next_state::none;
    std::uint64_t next_is_ = 0;  // number of the lease that is fetched or verified
    lease_ptr next_lease_;
    std::vector<held> draining_;

    int waiting_ = 0;
    int fetch_tries_ = 0;
    std::uint64_t token_generation_ = 0;  // the oldest that is not doomed
    double doom_share_ = 0;
    boot_time pause_until_{};                   // no fetch before
    std::optional<failure_report> blocked_by_;  // and whoever asks meanwhile gets this at once
    boot_time lost_at_{};                       // last lost answer
    bool lost_before_ = false;
    boot_time refused_since_{};
    int refusals_ = 0;  // within the window that began then
};

}  // namespace leasehold::vault_client
