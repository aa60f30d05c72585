#pragma once

#include "relay/admitted.hpp"
#include "relay/counters.hpp"
#include "relay/internal_call.hpp"
#include "relay/orders.hpp"
#include "relay/ports.hpp"
#include "relay/slot_table.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace leasehold::router {
class buffer_pool;
}  // namespace leasehold::router

namespace leasehold::router::relay {

struct lane_settings
{
    std::uint8_t router_number = 0;
    std::uint8_t index = 0;              // of the lane, below 64
    std::uint32_t max_sessions = 10000;  // of this lane
    std::string router_name;             // in DETAIL of errors
    const clock_source* clock = &real_clock();
};

// One relay lane: one thread, one transport, the admitted sessions and the pools of its tenants. All
// functions may be called from any thread; what they start happens on the lane, in the order of the calls.
// Callbacks run on the lane and must only post. `source` and `cancels` outlive the lane.
class lane
{
public:
    lane(lane_settings settings, server_source& source, cancel_sender& cancels);
    ~lane();  // stop()
    lane(const lane&) = delete;
    lane& operator=(const lane&) = delete;

    // Before the cancel key is made. See slot_table::reserve().
    std::variant<session_slot, refusal> reserve_slot(const std::optional<client_share>& within);
    void admit(admitted client);
    void submit(internal_call call);
    // Gives up the server connection that an earlier reply kept; its transaction is rolled back.
    void release_link(pool_key pool, std::uint64_t link);
    // From a CancelRequest whose pid names this lane. A wrong key does nothing.
    void cancel(std::uint32_t pid, std::string key);
    void kill(kill_order order);
    // The right of this principal's sessions ends at another moment than they brought with them.
    void limit_right(principal who, boot_time ends_at);

    // From lease_events. Renewed: the same lease lives longer. Ending: lend its connections no more, close
    // the idle ones now, the busy ones when they are given back, the rest at `by`. Last call: pinned sessions
    // are told (NoticeResponse lease_ending). Ended: close all at once.
    void lease_renewed(lease_number which, boot_time ends_at);
    void lease_ending(lease_number which, boot_time by);
    void lease_last_call(lease_number which);
    void lease_ended(lease_number which);

    // Other limits for the pools there are, and for the number of sessions; sessions above it stay.
    void relimit(const limits_lookup& limits_of, std::uint32_t max_sessions);
    // Ends sessions outside a transaction, spread over half of `limit`, others at the end of their
    // transaction, the rest when `limit` has passed. `done` once no session is left.
    void drain(std::chrono::milliseconds limit, std::function<void()> done);
    // Ends the thread; what still lives is closed without a word. Idempotent, not from the lane itself.
    void stop();

    void post(work what);
    [[nodiscard]] const counters& read_counters() const noexcept;
    [[nodiscard]] std::uint8_t index() const noexcept { return settings_.index; }

private:
    lane_settings settings_;
    std::shared_ptr<slot_table> slots_;
    std::unique_ptr<buffer_pool> buffers_;
    std::unique_ptr<transport> transport_;
    std::shared_ptr<inbox> inbox_;
    std::unique_ptr<lane_core> core_;
    std::thread thread_;
};

}  // namespace leasehold::router::relay
