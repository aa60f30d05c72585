#include "lease_keeper.hpp"

#include <algorithm>
#include <utility>

namespace leasehold::vault_client {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto capped_by = 5s;            // a renewal this much shorter than asked is capped
constexpr auto close_before_end = 3s;     // server connections end that long before their lease
constexpr double earliest_share = 0.3;    // of the term: nothing is replaced before
constexpr double successor_share = 0.66;  // of what is left when a renewal came back capped
constexpr auto quarantine = 60s;          // after another tenant's login

nanoseconds share_of(nanoseconds whole, double share) noexcept
{
    return nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(whole.count()) * share));
}

// An operator's fault: asking again soon finds the same.
bool is_lasting(failure what) noexcept
{
    switch (what) {
    case failure::server_fault:
    case failure::denied:
    case failure::refused:
    case failure::role_unknown:
    case failure::wrong_tenant:
    case failure::login_refused:
    case failure::token_unsuitable:
        return true;
    default:
        return false;
    }
}

bool may_have_made_a_login(failure what) noexcept
{
    return what == failure::answer_lost || what == failure::protocol;
}

}  // namespace

lease_keeper::lease_keeper(
    placement_key placement,
    role_class role,
    const lease_settings& settings,
    jitter& chance,
    std::uint64_t& next_number
)
    : placement_(std::move(placement))
    , role_(role)
    , role_name_(role_of(role, tid::of(placement_.tenant), placement_.generation))
    , settings_(settings)
    , chance_(chance)
    , next_number_(next_number)
{}

lease_ref lease_keeper::ref(std::uint64_t number) const
{
    lease_ref which;
    which.tenant = placement_.tenant;
    which.placement_generation = placement_.generation;
    which.role = role_;
    which.number = number;
    return which;
}

// Of the term as first given: the last renewal of a capped lease may be short, its sessions are as many.
nanoseconds lease_keeper::drain_of(const held& one) const noexcept
{
    return std::min<nanoseconds>(settings_.drain, nanoseconds(one.issued_term) / 4);
}

// When a lease is renewed or replaced: at rotate_at of its term, early enough to drain twice, never in its
// first third.
boot_time lease_keeper::plan(const held& one) const
{
    const nanoseconds whole(one.lease->term);
    const double share = settings_.rotate_at + chance_.both_ways(settings_.jitter);
    const auto wanted = std::min(share_of(whole, share), whole - 2 * drain_of(one));
    return one.lease->asked_at + std::max(wanted, share_of(whole, earliest_share));
}

lease_ptr lease_keeper::usable(boot_time now) const noexcept
{
    if (!current_ || now >= current_->lease->ends_at() - drain_of(*current_)) return nullptr;
    return current_->lease;
}

lease_state lease_keeper::state() const noexcept
{
    if (!current_) return next_ == next_state::none ? lease_state::absent : lease_state::fetching;
    if (next_ != next_state::none) return lease_state::succeeding;
    return current_->renewing ? lease_state::renewing : lease_state::held;
}

lease_ptr lease_keeper::need(boot_time now, lease_actions& out)
{
    if (auto ready = usable(now)) {
        current_->used = true;
        return ready;
    }
    if (next_ == next_state::none && now < pause_until_ && blocked_by_) {
        ++waiting_;
        fail_waiters(*blocked_by_, out);
        return nullptr;
    }
    ++waiting_;
    if (next_ == next_state::none && now >= pause_until_) start_fetch(now, out);
    return nullptr;
}

void lease_keeper::gave_up() noexcept
{
    if (waiting_ > 0) --waiting_;
}

void lease_keeper::start_fetch(boot_time now, lease_actions& out)
{
    static_cast<void>(now);
    next_ = next_state::fetching;
    next_is_ = ++next_number_;
    blocked_by_.reset();
    lease_action fetch;
    fetch.what = lease_action::kind::fetch;
    fetch.number = next_is_;
    fetch.is_urgent = waiting_ > 0;
    out.push_back(std::move(fetch));
}

void lease_keeper::fail_waiters(failure_report why, lease_actions& out)
{
    if (waiting_ == 0) return;
    waiting_ = 0;
    lease_action fail;
    fail.what = lease_action::kind::fail;
    fail.cause = std::move(why);
    out.push_back(std::move(fail));
}

void lease_keeper::give_back(const lease_ptr& l, lease_end why, lease_actions& out)
{
    lease_action ended;
    ended.what = lease_action::kind::ended;
    ended.previous = l->ref;
    ended.why = why;
    out.push_back(std::move(ended));
    lease_action revoke;
    revoke.what = lease_action::kind::revoke;
    revoke.id = l->login->id;
    out.push_back(std::move(revoke));
}

void lease_keeper::tell_ending(held& one, boot_time now, lease_actions& out) const
{
    if (one.is_suspect) one.until = std::min(one.until, now + drain_of(one));
    lease_action ending;
    ending.what = lease_action::kind::ending;
    ending.previous = one.lease->ref;
    ending.by = std::min(one.until, one.lease->ends_at() - close_before_end);
    out.push_back(std::move(ending));
}

void lease_keeper::start_draining(held old, boot_time now, lease_actions& out)
{
    old.used = false;
    tell_ending(old, now, out);
    draining_.push_back(std::move(old));
}

void lease_keeper::promote(lease_ptr next, boot_time now, lease_actions& out)
{
    lease_action successor;
    successor.what = lease_action::kind::successor;
    successor.lease = next;
    successor.previous = current_ ? current_->lease->ref : ref(0);
    out.push_back(std::move(successor));
    if (current_) {
        auto old = std::move(*current_);
        current_.reset();
        start_draining(std::move(old), now, out);
    }
    held fresh;
    fresh.lease = next;
    fresh.issued_term = next->term;
    fresh.act_at = plan(fresh);
    fresh.is_final = !next->renewable;
    fresh.replace = fresh.is_final;
    fresh.used = waiting_ > 0;
    if (next->token_generation < token_generation_) {
        fresh.replace = true;
        fresh.act_at =
            std::min(fresh.act_at, now + share_of(next->ends_at() - now, doom_share_ * chance_.share()));
    }
    current_ = std::move(fresh);
    next_ = next_state::none;
    next_lease_.reset();
    fetch_tries_ = 0;
    if (waiting_ > 0) {
        waiting_ = 0;
        lease_action answer;
        answer.what = lease_action::kind::answer;
        answer.lease = std::move(next);
        out.push_back(std::move(answer));
    }
}

void lease_keeper::fetched(std::uint64_t number, issued got, boot_time now, lease_actions& out)
{
    const bool is_ours = got.username.starts_with(username_prefix(role_name_));
    if (next_ != next_state::fetching || number != next_is_ || !is_ours) {
        lease_action revoke;
        revoke.what = lease_action::kind::revoke;
        revoke.id = got.id;
        out.push_back(std::move(revoke));
        if (next_ != next_state::fetching || number != next_is_) return;
    }
    if (!is_ours) {
        next_ = next_state::none;
        lease_action alarm;
        alarm.what = lease_action::kind::wrong_tenant;
        alarm.number = number;
        out.push_back(std::move(alarm));
        pause_until_ = now + quarantine;
        blocked_by_ = failure_report(failure::wrong_tenant);
        if (current_) current_->act_at = pause_until_;
        fail_waiters(*blocked_by_, out);
        return;
    }
    lease fresh;
    fresh.ref = ref(number);
    fresh.token_generation = got.token_generation;
    fresh.term = got.duration;
    fresh.renewable = got.renewable;
    fresh.asked_at = got.asked_at;
    fresh.login = std::make_shared<const lease_login>(lease_login{
        .id = got.id,
        .role = role_name_,
        .username = std::move(got.username),
        .password = std::move(got.password)});
    auto next = std::make_shared<const lease>(std::move(fresh));
    if (!current_) {
        promote(std::move(next), now, out);
        return;
    }
    next_ = next_state::verifying;
    next_lease_ = next;
    lease_action verify;
    verify.what = lease_action::kind::verify;
    verify.number = number;
    verify.lease = std::move(next);
    out.push_back(std::move(verify));
}

void lease_keeper::retry_succession(boot_time now)
{
    if (!current_) return;
    const auto wait = chance_.back_off(fetch_tries_++, settings_.retry_least, settings_.retry_most);
    current_->act_at = std::max(now + wait, pause_until_);
}

void lease_keeper::fetch_failed(std::uint64_t number, failure_report why, boot_time now, lease_actions& out)
{
    if (next_ != next_state::fetching || number != next_is_) return;
    next_ = next_state::none;
    if (may_have_made_a_login(why.what)) {
        lease_action orphan;
        orphan.what = lease_action::kind::orphan;
        orphan.number = number;
        out.push_back(std::move(orphan));
        const bool again = lost_before_ && now < lost_at_ + settings_.lost_twice_pause;
        const auto spread = settings_.lost_pause_most - settings_.lost_pause_least;
        const auto once = settings_.lost_pause_least + share_of(spread, chance_.share());
        pause_until_ = now + (again ? nanoseconds(settings_.lost_twice_pause) : nanoseconds(once));
        lost_at_ = now;
        lost_before_ = true;
        // Those who wait go on waiting, each to its own end: one of them will see the next attempt.
        if (why.what == failure::protocol) fail_waiters(std::move(why), out);
        retry_succession(now);
        return;
    }
    if (is_lasting(why.what)) {
        pause_until_ = now + settings_.fault_pause;
        blocked_by_ = why;
    }
    retry_succession(now);
    fail_waiters(std::move(why), out);
}

void lease_keeper::renewed(std::uint64_t number, term got, boot_time now, lease_actions& out)
{
    auto* const found = find_renewing(number);
    if (found == nullptr) return;
    auto& mine = *found;
    mine.renewing = false;
    mine.tries = 0;
    mine.used = false;
    mine.last_called = false;
    auto copy = std::make_shared<lease>(*mine.lease);
    copy->term = got.duration;
    copy->asked_at = got.asked_at;
    copy->renewable = got.renewable;
    const auto asked = std::min(settings_.increment, mine.issued_term);
    const bool is_capped = got.duration + capped_by < asked || !got.renewable;
    mine.lease = copy;
    mine.is_final = is_capped || mine.is_suspect;
    const bool is_current = current_ && found == &*current_;
    if (is_current && (is_capped || mine.replace)) {
        mine.replace = true;
        mine.used = true;  // it was, or it would not have been renewed: its successor is wanted
        const auto end = copy->ends_at();
        const auto early = std::min(now + share_of(end - now, successor_share), end - 2 * drain_of(mine));
        mine.act_at =
            std::max(early, now);  // its first third is long over: plan() let no renewal come sooner
    } else {
        mine.act_at = plan(mine);
    }
    lease_action longer;
    longer.what = lease_action::kind::renewed;
    longer.lease = std::move(copy);
    out.push_back(std::move(longer));
}

void lease_keeper::renew_failed(
    std::uint64_t number, const failure_report& why, boot_time now, lease_actions& out
)
{
    auto* const found = find_renewing(number);
    if (found == nullptr) return;
    auto& mine = *found;
    mine.renewing = false;
    if (why.what != failure::lease_gone) {
        mine.act_at = now + chance_.back_off(mine.tries++, settings_.retry_least, settings_.retry_most);
        if (mine.act_at >= mine.lease->ends_at() - 2 * drain_of(mine)) mine.replace = true;
        return;
    }
    if (current_ && current_->lease->ref.number == number) {
        let_go(lease_end::dead, false, out);
        after_loss_of_current(true, now, out);
        return;
    }
    give_back(mine.lease, lease_end::dead, out);
    out.pop_back();  // the broker does not know it
    draining_.erase(draining_.begin() + (found - draining_.data()));
}

lease_keeper::held* lease_keeper::find_renewing(std::uint64_t number) noexcept
{
    const auto is_it = [&](const held& one) { return one.lease->ref.number == number && one.renewing; };
    if (current_ && is_it(*current_)) return &*current_;
    const auto found = std::find_if(draining_.begin(), draining_.end(), is_it);
    return found == draining_.end() ? nullptr : &*found;
}

void lease_keeper::let_go(lease_end why, bool revoke, lease_actions& out)
{
    const auto old = std::move(current_->lease);
    current_.reset();
    give_back(old, why, out);
    if (!revoke) out.pop_back();
}

// The current lease is gone. A verified successor-to-be takes its place; else one fetch, if anybody wants it.
void lease_keeper::after_loss_of_current(bool wanted, boot_time now, lease_actions& out)
{
    if (next_ == next_state::verifying) {
        promote(next_lease_, now, out);
        return;
    }
    if (next_ == next_state::none && (wanted || waiting_ > 0) && now >= pause_until_) start_fetch(now, out);
}

void lease_keeper::verified(std::uint64_t number, bool is_good, boot_time now, lease_actions& out)
{
    if (next_ != next_state::verifying || number != next_is_) {
        // It was promoted meanwhile for want of a better one: a bad one goes as any refused lease does.
        if (!is_good) refused(number, now, out);
        return;
    }
    if (is_good) {
        promote(next_lease_, now, out);
        return;
    }
    give_back(next_lease_, lease_end::discarded, out);
    next_ = next_state::none;
    next_lease_.reset();
    note_refusal(now);
    retry_succession(now);
}

void lease_keeper::verify_failed(std::uint64_t number, boot_time now, lease_actions& out)
{
    if (next_ != next_state::verifying || number != next_is_) return;
    give_back(next_lease_, lease_end::discarded, out);
    next_ = next_state::none;
    next_lease_.reset();
    retry_succession(now);
}

void lease_keeper::used(std::uint64_t number) noexcept
{
    if (current_ && current_->lease->ref.number == number) current_->used = true;
}

void lease_keeper::kept(std::uint64_t number) noexcept
{
    for (auto& old : draining_) {
        if (old.lease->ref.number == number) old.used = true;
    }
}

void lease_keeper::drained(std::uint64_t number, boot_time now, lease_actions& out)
{
    static_cast<void>(now);
    const auto found = std::find_if(draining_.begin(), draining_.end(), [&](const held& one) {
        return one.lease->ref.number == number;
    });
    if (found == draining_.end()) return;
    const auto old = found->lease;
    draining_.erase(found);
    give_back(old, lease_end::revoked, out);
}

// The first refusal in a minute costs one fetch at once; the next pauses, and the one after that waits for
// the minute to end.
void lease_keeper::note_refusal(boot_time now)
{
    if (refusals_ == 0 || now >= refused_since_ + settings_.refused_window) {
        refusals_ = 0;
        refused_since_ = now;
    }
    ++refusals_;
    if (refusals_ == 2) pause_until_ = std::max(pause_until_, now + settings_.refused_pause);
    if (refusals_ > 2) {
        pause_until_ = std::max(
            {pause_until_, now + 2 * settings_.refused_pause, refused_since_ + settings_.refused_window}
        );
    }
}

void lease_keeper::refused(std::uint64_t number, boot_time now, lease_actions& out)
{
    if (current_ && current_->lease->ref.number == number) {
        let_go(lease_end::dead, true, out);
        note_refusal(now);
        after_loss_of_current(true, now, out);
        return;
    }
    if (next_ == next_state::verifying && number == next_is_) {
        verified(number, false, now, out);
        return;
    }
    const auto found = std::find_if(draining_.begin(), draining_.end(), [&](const held& one) {
        return one.lease->ref.number == number;
    });
    if (found == draining_.end()) return;
    const auto old = found->lease;
    draining_.erase(found);
    give_back(old, lease_end::dead, out);
}

void lease_keeper::doom(std::uint64_t generation, double share, boot_time now)
{
    token_generation_ = std::max(token_generation_, generation);
    doom_share_ = share;
    if (!current_ || current_->lease->token_generation >= token_generation_) return;
    current_->replace = true;
    const auto left = std::max<nanoseconds>(current_->lease->ends_at() - now, 0ns);
    current_->act_at = std::min(current_->act_at, now + share_of(left, share * chance_.share()));
}

void lease_keeper::retire(failure why, boot_time now, lease_actions& out)
{
    static_cast<void>(now);
    if (current_) let_go(lease_end::retired, true, out);
    for (const auto& old : draining_) give_back(old.lease, lease_end::retired, out);
    draining_.clear();
    if (next_ == next_state::verifying) give_back(next_lease_, lease_end::retired, out);
    next_ = next_state::none;
    next_lease_.reset();
    fail_waiters(failure_report(why), out);
}

void lease_keeper::replace(boot_time now, lease_actions& out)
{
    for (auto& old : draining_) {
        old.is_suspect = true;
        old.is_final = true;
        tell_ending(old, now, out);
    }
    if (!current_) return;
    current_->is_suspect = true;
    current_->is_final = true;
    current_->replace = true;
    current_->act_at = now;
}

void lease_keeper::start_renewal(held& one, lease_actions& out) const
{
    one.renewing = true;
    lease_action renew;
    renew.what = lease_action::kind::renew;
    renew.number = one.lease->ref.number;
    renew.lease = one.lease;
    renew.increment = std::min(settings_.increment, one.issued_term);
    out.push_back(std::move(renew));
}

void lease_keeper::call_last(held& one, boot_time now, lease_actions& out) const
{
    if (one.last_called || now < one.lease->ends_at() - drain_of(one)) return;
    one.last_called = true;
    lease_action call;
    call.what = lease_action::kind::last_call;
    call.previous = one.lease->ref;
    call.by = one.lease->ends_at() - close_before_end;
    out.push_back(std::move(call));
}

void lease_keeper::drain_due(boot_time now, lease_actions& out)
{
    for (auto at = draining_.begin(); at != draining_.end();) {
        if (now >= at->lease->ends_at()) {
            lease_action ended;
            ended.what = lease_action::kind::ended;
            ended.previous = at->lease->ref;
            ended.why = lease_end::expired;
            out.push_back(std::move(ended));
            at = draining_.erase(at);
            continue;
        }
        if (now >= at->until) {
            const auto old = at->lease;
            at = draining_.erase(at);
            give_back(old, lease_end::revoked, out);
            continue;
        }
        call_last(*at, now, out);
        if (at->used && !at->is_final && !at->renewing && now >= at->act_at) start_renewal(*at, out);
        ++at;
    }
}

void lease_keeper::due(boot_time now, lease_actions& out)
{
    drain_due(now, out);
    if (current_ && now >= current_->lease->ends_at()) {
        let_go(lease_end::expired, false, out);
        after_loss_of_current(false, now, out);
    }
    if (!current_) {
        if (next_ == next_state::none && waiting_ > 0 && now >= pause_until_) start_fetch(now, out);
        return;
    }
    auto& mine = *current_;
    call_last(mine, now, out);
    if (next_ != next_state::none || mine.renewing || now < mine.act_at) return;
    if (!mine.used && waiting_ == 0) {
        auto old = std::move(mine);
        current_.reset();
        start_draining(std::move(old), now, out);
        return;
    }
    if (mine.replace) {
        if (now < pause_until_) {
            mine.act_at = pause_until_;
            return;
        }
        start_fetch(now, out);
        return;
    }
    start_renewal(mine, out);
}

// The end of a lease, or what comes before it.
boot_time lease_keeper::due_at_of(const held& one) const noexcept
{
    const auto end = one.lease->ends_at();
    return std::min(one.until, one.last_called ? end : end - drain_of(one));
}

boot_time lease_keeper::due_at() const noexcept
{
    auto first = boot_time::max();
    for (const auto& old : draining_) {
        first = std::min(first, due_at_of(old));
        if (old.used && !old.is_final && !old.renewing) first = std::min(first, old.act_at);
    }
    if (current_) {
        first = std::min(first, due_at_of(*current_));
        if (next_ == next_state::none && !current_->renewing) first = std::min(first, current_->act_at);
        return first;
    }
    if (next_ == next_state::none) {
        if (waiting_ > 0) return std::min(first, pause_until_);
        // Nothing but memory of failures: to be forgotten then.
        if (draining_.empty()) first = std::max(pause_until_, refused_since_ + settings_.refused_window);
    }
    return first;
}

bool lease_keeper::is_forgettable(boot_time now) const noexcept
{
    const bool remembers =
        now < pause_until_ || (refusals_ > 0 && now < refused_since_ + settings_.refused_window);
    return !current_ && next_ == next_state::none && draining_.empty() && waiting_ == 0 && !remembers;
}

std::vector<lease_ptr> lease_keeper::all() const
{
    std::vector<lease_ptr> result;
    for (const auto& old : draining_) result.push_back(old.lease);
    if (current_) result.push_back(current_->lease);
    if (next_lease_) result.push_back(next_lease_);
    return result;
}

}  // namespace leasehold::vault_client
