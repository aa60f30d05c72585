#include "relay/pool.hpp"

#include "relay/lane_core.hpp"
#include "relay/session.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace leasehold::router::relay {
namespace {

constexpr std::chrono::seconds before_lease_end{3};
constexpr std::chrono::milliseconds full_queue_wait{100};  // an instant refusal makes clients hammer
constexpr std::chrono::milliseconds after_refusal{100};    // before the next server is asked for
constexpr std::chrono::milliseconds trusted_idle{100};  // idle for longer: look at the socket before lending

}  // namespace

void borrower::wait_is_over() noexcept
{
    waits_for->refuse(*this, refusals::pool_timeout);
}

pool::pool(lane_core& core, const pool_key& key) : core_(core), key_(key), epoch_(core.next_epoch()) {}

pool::~pool() = default;

void pool::set_limits(const pool_limits& limits) noexcept
{
    if (limits_ == limits) return;
    limits_ = limits;
    while (is_above_limit() && !idle_.empty()) idle_.back()->close();
    timer_wheel::disarm(idle_limit_);
    if (limits_.server_idle.count() > 0) close_overdue();
    sessions.for_each([](session& one) { one.limits_have_changed(); });
    core_.serve_later(*this);
}

server_connection* pool::borrow(borrower& by) noexcept
{
    if (waiting_.empty()) {
        if (auto* const server = take_idle(); server != nullptr) {
            lend(*server, by);
            return server;
        }
    }
    const auto room = limits_.max_waiting != 0 ? limits_.max_waiting : 4 * limits_.max_servers;
    const auto patience =
        waiting_.size() < room ? limits_.checkout : std::min(limits_.checkout, full_queue_wait);
    by.waits_for = this;
    by.waits_since = core_.now();
    waiting_.push_back(by.waiting, by);
    core_.wheel().arm<&borrower::wait_is_over>(by.wait_limit, core_.now() + patience, by);
    core_.tallies().waiting.add();
    core_.tallies().checkout_waits.add();
    core_.serve_later(*this);
    return nullptr;
}

void pool::leave_queue(borrower& who) noexcept
{
    if (!who.waiting.is_linked()) return;
    waiting_.remove(who.waiting);
    timer_wheel::disarm(who.wait_limit);
    core_.tallies().waiting.subtract();
    const auto waited = core_.now() - who.waits_since;
    core_.tallies().checkout_nanoseconds.add(
        static_cast<std::uint64_t>(std::max(waited, waited.zero()).count())
    );
    core_.serve_later(*this);  // the last waiter of a pool may be its end
}

void pool::refuse(borrower& who, const refusal& why) noexcept
{
    leave_queue(who);
    if (why.code == refusals::pool_timeout.code) core_.tallies().pool_timeouts.add();
    who.on_refused(why);
}

void pool::await_parameters(session& who) noexcept
{
    awaiting_parameters_.push_back(who.awaiting_parameters, who);
    core_.serve_later(*this);
}

void pool::stop_awaiting(session& who) noexcept
{
    awaiting_parameters_.remove(who.awaiting_parameters);
}

void pool::lend(server_connection& server, borrower& to) noexcept
{
    place(server, server_connection::home::busy);
    server.lend_to(to);
}

server_connection* pool::take_idle() noexcept
{
    while (auto* const one = idle_.front()) {
        if (one->lease().may_lend(core_.now()) && is_quiet(*one)) return one;
        one->close();
    }
    return nullptr;
}

void pool::place(server_connection& server, server_connection::home where) noexcept
{
    using home = server_connection::home;
    const auto list_of = [&](home h) -> intrusive_list<server_connection>& {
        return h == home::idle ? idle_ : (h == home::busy ? busy_ : draining_);
    };
    const auto is_busy = [](home h) { return h == home::busy || h == home::draining; };
    if (server.where != home::none) list_of(server.where).remove(server.in_pool);
    if (is_busy(server.where) && !is_busy(where)) {
        core_.tallies().servers_busy.subtract();
        server.count_as_lent(-1);
    }
    if (!is_busy(server.where) && is_busy(where)) {
        core_.tallies().servers_busy.add();
        server.count_as_lent(1);
    }
    server.where = where;
    if (where == home::idle) {
        server.idle_since = core_.now();
        idle_.push_front(server.in_pool, server);
    } else if (where != home::none) {
        list_of(where).push_back(server.in_pool, server);
    }
}

// A server that was stopped while its connection was idle is noticed before a query is lost on it.
bool pool::is_quiet(const server_connection& server) const noexcept
{
    if (core_.now() - server.idle_since < trusted_idle) return true;
    char byte = 0;
    const auto count = ::recv(server.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && errno == EAGAIN;
}

void pool::take_back(server_connection& server, bool is_unfit) noexcept
{
    core_.tallies().transactions.add();
    core_.serve_later(*this);
    if (is_unfit || !server.lease().may_lend(core_.now()) || is_above_limit()) {
        server.close();
        return;
    }
    if (!server.may_rest()) return;  // parked: it comes back when its cancel request has been answered
    place(server, server_connection::home::idle);
    if (limits_.server_idle.count() > 0 && !idle_limit_.is_armed()) {
        core_.wheel().arm<&pool::close_overdue>(idle_limit_, core_.now() + limits_.server_idle, *this);
    }
}

void pool::note_draining(server_connection& server) noexcept
{
    place(server, server_connection::home::draining);
}

void pool::forget(server_connection& server) noexcept
{
    place(server, server_connection::home::none);
    server.lease().servers.remove(server.in_lease);
    core_.tallies().servers.subtract();
    core_.server_is_gone(server);
    core_.serve_later(*this);
}

void pool::close_overdue() noexcept
{
    const auto limit = limits_.server_idle;
    while (auto* const oldest = idle_.back()) {
        const auto due = oldest->idle_since + limit;
        if (due > core_.now()) {
            core_.wheel().arm<&pool::close_overdue>(idle_limit_, due, *this);
            return;
        }
        oldest->close();
    }
}

std::size_t pool::total() const noexcept
{
    return idle_.size() + busy_.size() + draining_.size() + asked_for_;
}

// Possible only after the limit was lowered.
bool pool::is_above_limit() const noexcept
{
    return total() > std::max<std::size_t>(limits_.max_servers, 1);
}

void pool::serve() noexcept
{
    while (!waiting_.empty()) {
        auto* const server = take_idle();
        if (server == nullptr) break;
        auto& next = *waiting_.front();
        leave_queue(next);
        lend(*server, next);
        next.on_lent(*server);
    }
    ask_for_servers();
    end_if_unused();
}

void pool::ask_for_servers() noexcept
{
    if (refusal_pause_.is_armed()) return;
    const bool is_asked_for_parameters = parameters_ == nullptr && !awaiting_parameters_.empty();
    const auto wanted = std::max<std::size_t>(waiting_.size(), is_asked_for_parameters ? 1 : 0);
    const auto most = std::max<std::size_t>(limits_.max_servers, 1);
    while (asked_for_ < wanted && total() < most) {
        ++asked_for_;
        core_.ask_for_server(key_, epoch_);
    }
}

void pool::arrived(verified_server from, std::uint64_t epoch) noexcept
{
    const bool is_expected = epoch == epoch_;
    if (is_expected) --asked_for_;
    core_.serve_later(*this);
    if (!is_expected || is_ending(from.lease) || from.lease_ends_at - before_lease_end <= core_.now()) {
        core_.server_came_too_late(key_, from);  // and closes it
        return;
    }
    if (from.parameters != nullptr) parameters_ = from.parameters;
    auto& term = term_of(from.lease, from.lease_ends_at);
    auto socket = std::move(from.socket);
    auto& server = core_.keep(std::make_unique<server_connection>(core_, *this, term, std::move(from)));
    term.servers.push_back(server.in_lease, server);
    place(server, server_connection::home::idle);
    core_.tallies().servers.add();
    if (!server.open(std::move(socket))) server.close();
    greet_waiting();
}

void pool::greet_waiting() noexcept
{
    if (parameters_ == nullptr) return;
    while (auto* const one = awaiting_parameters_.pop_front()) one->greet();
}

void pool::refused(const refusal& why, std::uint64_t epoch) noexcept
{
    if (epoch != epoch_) return;
    --asked_for_;
    core_.serve_later(*this);
    while (parameters_ == nullptr && !awaiting_parameters_.empty())
        awaiting_parameters_.pop_front()->fail(why);
    if (total() > 0) {  // what there is serves the queue in its turn
        core_.wheel().arm<&pool::serve>(refusal_pause_, core_.now() + after_refusal, *this);
        return;
    }
    for (auto left = waiting_.size(); left > 0; --left) refuse(*waiting_.front(), why);
}

lease_term* pool::find_term(const lease_number& number) noexcept
{
    for (const auto& one : terms_) {
        if (one->number_ == number) return one.get();
    }
    return nullptr;
}

lease_term& pool::term_of(const lease_number& number, boot_time ends_at)
{
    auto* term = find_term(number);
    if (term == nullptr) {
        terms_.push_back(std::make_unique<lease_term>(*this, number, ends_at));
        term = terms_.back().get();
        if (ends_at != boot_time::max()) set_cut(*term, ends_at - before_lease_end);
    } else if (ends_at > term->ends_at_) {
        lease_renewed(number, ends_at);
    }
    return *term;
}

void pool::set_cut(lease_term& term, boot_time at) noexcept
{
    term.cut_at_ = at;
    core_.wheel().arm<&lease_term::cut>(term.limit_, at, term);
}

void lease_term::cut() noexcept
{
    is_ending_ = true;
    servers.for_each([](server_connection& one) { one.end_with_lease(); });
    pool_.core_.serve_later(pool_);
}

void pool::lease_renewed(const lease_number& which, boot_time ends_at) noexcept
{
    auto* const term = find_term(which);
    if (term == nullptr || ends_at == boot_time::max()) return;
    term->ends_at_ = ends_at;
    set_cut(*term, ends_at - before_lease_end);
}

void pool::lease_ending(const lease_number& which, boot_time by) noexcept
{
    note_ending(which);
    auto* const term = find_term(which);
    if (term == nullptr) return;
    term->is_ending_ = true;
    set_cut(*term, std::min(by, term->cut_at_));
    term->servers.for_each([](server_connection& one) {
        if (one.now() == server_connection::state::idle) one.close();
    });
    core_.serve_later(*this);
}

void pool::lease_last_call(const lease_number& which) noexcept
{
    auto* const term = find_term(which);
    if (term == nullptr) return;
    term->servers.for_each([](server_connection& one) {
        if (auto* const holder = one.lent_to(); holder != nullptr) holder->on_lease_ending();
    });
}

void pool::note_ending(const lease_number& which) noexcept
{
    if (!is_ending(which)) ending_ = which;
}

bool pool::is_ending(const lease_number& which) const noexcept
{
    return ending_ && std::pair(which.placement_generation, which.number) <=
                          std::pair(ending_->placement_generation, ending_->number);
}

void pool::lease_ended(const lease_number& which) noexcept
{
    cut_lease(which, refusals::lease_ended);
}

std::uint64_t pool::cut_lease(const lease_number& which, const refusal& why) noexcept
{
    note_ending(which);
    auto* const term = find_term(which);
    if (term == nullptr) return 0;
    term->is_ending_ = true;
    const auto count = term->servers.size();
    term->servers.for_each([&](server_connection& one) { one.cut(why); });
    core_.serve_later(*this);
    return count;
}

std::uint64_t pool::cut_all(const refusal& why) noexcept
{
    epoch_ = core_.next_epoch();
    asked_for_ = 0;
    std::uint64_t count = 0;
    for (const auto& term : terms_) {
        count += term->servers.size();
        term->servers.for_each([&](server_connection& one) { one.cut(why); });
    }
    while (auto* const one = waiting_.front()) refuse(*one, why);
    while (auto* const one = awaiting_parameters_.pop_front()) one->fail(why);
    core_.serve_later(*this);
    return count;
}

void pool::close_idle() noexcept
{
    while (auto* const one = idle_.front()) one->close();
}

void pool::end_if_unused() noexcept
{
    std::erase_if(terms_, [](const auto& one) { return one->servers.empty() && one->is_ending_; });
    const bool is_used =
        total() > 0 || !waiting_.empty() || !awaiting_parameters_.empty() || !sessions.empty();
    if (!is_used) core_.pool_is_unused(*this);
}

}  // namespace leasehold::router::relay
