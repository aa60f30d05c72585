#pragma once

#include "relay/borrower.hpp"
#include "relay/timer_wheel.hpp"
#include "relay/verified_server.hpp"
#include "transport/byte_queue.hpp"
#include "transport/transport.hpp"

#include <leasehold/router/wire/reply_queue.hpp>
#include <leasehold/router/wire/server_stream.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::router::relay {

class lane_core;
class lease_term;

// One connection to a PostgreSQL server: the pool's, and for a while a borrower's. Knows which replies it
// still owes, so that no two borrowers ever share one. Owner: its pool. Lane only.
class server_connection final : public endpoint
{
public:
    enum class state : std::uint8_t
    {
        idle,       // may be lent
        lent,       // belongs to its borrower
        returning,  // given back while its bytes are being read: idle when they are used up
        parked,     // given back, but a cancel request for it is still under way
        draining,   // its borrower is gone: what it owes is thrown away, then ROLLBACK
        closed,
    };
    enum class farewell : std::uint8_t
    {
        finish,  // let the query end
        cancel,  // ask the server to stop it
    };

    server_connection(lane_core& core, pool& of, lease_term& lease, verified_server from);
    server_connection(const server_connection&) = delete;
    server_connection& operator=(const server_connection&) = delete;
    ~server_connection();

    // False: the transport has no room for it.
    bool open(connected_socket socket) noexcept;

    // For the borrower.
    // It belongs to this borrower alone from now on, and its lease is wanted as long.
    void keep() noexcept;
    // Sends what brings its settings in place, if the connection has others. True: that was necessary, and
    // on_settings() will tell.
    bool apply_settings(const std::string& settings_query) noexcept;
    // Whole messages or pieces of them; each beginning one must have been reported to owed().sent(). False:
    // the socket is full, on_server_writable() follows.
    bool send(std::string_view bytes) noexcept;
    [[nodiscard]] wire::reply_queue& owed() noexcept { return owed_; }
    [[nodiscard]] bool owes() const noexcept { return !owed_.is_empty() || owed_.batch_open(); }
    [[nodiscard]] bool is_in_transaction() const noexcept;
    // Nothing is owed, no batch is open, outside a transaction, no settings of its own left behind.
    [[nodiscard]] bool is_clean() const noexcept;
    // A reply has been passed on in part: nothing else may be said to the borrower's client.
    [[nodiscard]] bool is_mid_reply() const noexcept { return forwards_ && !stream_.at_boundary(); }
    [[nodiscard]] bool has_own_parameters() const noexcept { return !deviating_.empty(); }
    void resume() noexcept;
    void give_back() noexcept;  // requires is_clean()
    // The borrower goes. `is_midway`: it has sent a part of a message. `is_kept_from_others`: it was pinned.
    void abandon(farewell how, bool is_midway, bool is_kept_from_others) noexcept;
    void cancel() noexcept;  // what runs on it, by a request on another connection

    // For the pool and the lane.
    void lend_to(borrower& to) noexcept;
    [[nodiscard]] bool may_rest() noexcept;  // idle from now on; or parked, as long as a cancel is under way
    void close() noexcept;
    // Cancels what runs and closes; the borrower, if any, is not told. For kills.
    void drop() noexcept;
    // The same, and tells the borrower.
    void cut(const refusal& why) noexcept;
    // Its lease is at its end: cancel, then cut after a second.
    void end_with_lease() noexcept;
    void cancel_is_done() noexcept;
    void count_as_lent(int change) noexcept;

    [[nodiscard]] state now() const noexcept { return state_; }
    [[nodiscard]] borrower* lent_to() const noexcept { return borrower_; }
    [[nodiscard]] pool& of() const noexcept { return pool_; }
    [[nodiscard]] lease_term& lease() const noexcept { return lease_; }
    [[nodiscard]] const verified_server& facts() const noexcept { return facts_; }
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    void on_bytes(std::string_view bytes) noexcept override;
    void on_closed() noexcept override;
    void on_writable() noexcept override;

    enum class home : std::uint8_t
    {
        none,
        idle,
        busy,
        draining
    };
    home where = home::none;  // the pool's list that it is on
    list_hook in_pool;
    list_hook in_lease;
    boot_time idle_since;

private:
    std::size_t take(std::string_view bytes) noexcept;
    void judge(const wire::server_event& event) noexcept;
    void judge_asynchronous(const wire::server_event& event) noexcept;
    void note_parameter(std::string_view name, std::string_view value);
    void deliver(std::string_view run) noexcept;
    void ready(char status) noexcept;
    void go_on_draining() noexcept;
    void overdue() noexcept;
    void lose() noexcept;
    void leave() noexcept;  // off transport, pool and lease; buried

    lane_core& core_;
    pool& pool_;
    lease_term& lease_;
    verified_server facts_;  // its socket has moved to the transport
    transport::handle handle_;
    int descriptor_ = -1;
    state state_ = state::idle;
    borrower* borrower_ = nullptr;
    wire::server_stream stream_{wire::server_stream::phase::query};
    wire::reply_queue owed_;
    byte_queue held_;
    timer limit_;                         // of draining, or of the second that an ended lease leaves
    std::string applied_;                 // the settings query it has in place; empty: as it logged in
    parameter_set own_reports_;           // what the server reported for applied_
    std::vector<std::string> deviating_;  // parameters that differ from what was reported for applied_
    std::string settings_sqlstate_;       // of a refusal of applied_
    std::string settings_message_;
    std::uint32_t cancels_under_way_ = 0;
    bool forwards_ = false;  // the message that is being passed
    bool is_taking_ = false;
    bool is_settling_ = false;  // the next ReadyForQuery is for applied_
    bool has_failed_settings_ = false;
    bool is_paused_ = false;
    bool is_doomed_ = false;  // never lent again
    bool is_kept_ = false;
    bool was_fatal_told_ = false;
    bool was_rolled_back_ = false;
};

}  // namespace leasehold::router::relay
