#pragma once

#include "relay/borrower.hpp"
#include "relay/pool_key.hpp"
#include "relay/server_connection.hpp"
#include "relay/timer_wheel.hpp"
#include "transport/intrusive_list.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace leasehold::router::relay {

class session;

// One lease, as one pool uses it: its connections and its end. Lane only.
class lease_term
{
public:
    lease_term(pool& of, lease_number number, boot_time ends_at)
        : pool_(of)
        , number_(number)
        , ends_at_(ends_at)
    {}

    [[nodiscard]] const lease_number& number() const noexcept { return number_; }
    [[nodiscard]] bool may_lend(boot_time now) const noexcept { return !is_ending_ && now < cut_at_; }

    intrusive_list<server_connection> servers;  // all of them, whatever they do

private:
    friend class pool;
    void cut() noexcept;

    pool& pool_;
    lease_number number_;
    boot_time ends_at_;
    boot_time cut_at_ = boot_time::max();
    bool is_ending_ = false;
    timer limit_;
};

// The server connections of one (tenant, class, origin) on one lane, and who waits for one. Made at the first
// need, gone when it has no session, waiter or connection. Every operation takes constant time; walks happen
// only over the connections of one lease at its end, and in a kill. Lane only.
class pool
{
public:
    pool(lane_core& core, const pool_key& key);
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;
    ~pool();

    [[nodiscard]] const pool_key& key() const noexcept { return key_; }
    [[nodiscard]] const pool_limits& limits() const noexcept { return limits_; }
    // Takes hold at once: idle connections above the limit go, waiters may get more, and sessions count anew.
    void set_limits(const pool_limits& limits) noexcept;
    // What its servers report at login; null before the first.
    [[nodiscard]] const parameter_set* parameters() const noexcept { return parameters_.get(); }

    // The idle connection that was used last. Null: the borrower waits, and is told.
    server_connection* borrow(borrower& by) noexcept;
    void leave_queue(borrower& who) noexcept;
    void refuse(borrower& who, const refusal& why) noexcept;
    // Sessions that want to know parameters() and are told by session::greet().
    void await_parameters(session& who) noexcept;
    void stop_awaiting(session& who) noexcept;

    // From server_connection.
    void take_back(server_connection& server, bool is_unfit) noexcept;
    void note_draining(server_connection& server) noexcept;
    void forget(server_connection& server) noexcept;

    // From the lane.
    void serve() noexcept;  // waiters first come, first served; then asks for more servers; then may end
    void arrived(verified_server server, std::uint64_t epoch) noexcept;
    void refused(const refusal& why, std::uint64_t epoch) noexcept;
    void lease_renewed(const lease_number& which, boot_time ends_at) noexcept;
    void lease_ending(const lease_number& which, boot_time by) noexcept;
    void lease_last_call(const lease_number& which) noexcept;
    void lease_ended(const lease_number& which) noexcept;
    // Closes every connection and refuses every waiter; servers asked for before are not taken after. Counts
    // what it closed.
    std::uint64_t cut_all(const refusal& why) noexcept;
    std::uint64_t cut_lease(const lease_number& which, const refusal& why) noexcept;
    void close_idle() noexcept;

    intrusive_list<session> sessions;
    list_hook to_serve;  // the lane's list

private:
    friend class lease_term;
    [[nodiscard]] server_connection* take_idle() noexcept;
    void place(server_connection& server, server_connection::home where) noexcept;
    [[nodiscard]] bool is_quiet(const server_connection& server) const noexcept;
    [[nodiscard]] std::size_t total() const noexcept;
    void lend(server_connection& server, borrower& to) noexcept;
    void ask_for_servers() noexcept;
    void greet_waiting() noexcept;
    void close_overdue() noexcept;
    [[nodiscard]] bool is_above_limit() const noexcept;
    lease_term& term_of(const lease_number& number, boot_time ends_at);
    void note_ending(const lease_number& which) noexcept;
    [[nodiscard]] bool is_ending(const lease_number& which) const noexcept;
    [[nodiscard]] lease_term* find_term(const lease_number& number) noexcept;
    void set_cut(lease_term& term, boot_time at) noexcept;
    void end_if_unused() noexcept;

    lane_core& core_;
    pool_key key_;
    pool_limits limits_;
    std::shared_ptr<const parameter_set> parameters_;
    // Every connection is on exactly one of these.
    intrusive_list<server_connection> idle_;  // used last first
    intrusive_list<server_connection> busy_;
    intrusive_list<server_connection> draining_;
    intrusive_list<borrower> waiting_;
    intrusive_list<session> awaiting_parameters_;
    std::vector<std::unique_ptr<lease_term>> terms_;  // two at a rotation, else one
    std::optional<lease_number> ending_;              // this and older ones are lent no more
    std::uint32_t asked_for_ = 0;                     // servers under way
    std::uint64_t
        epoch_;  // of requests; no two pools of a lane share one, nor does one before and after a kill
    timer idle_limit_;
    timer refusal_pause_;  // a refusal may come without any delay: asking again at once would spin
};

}  // namespace leasehold::router::relay
