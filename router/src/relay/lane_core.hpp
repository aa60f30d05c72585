#pragma once

#include "relay/admitted.hpp"
#include "relay/counters.hpp"
#include "relay/inbox.hpp"
#include "relay/internal_call.hpp"
#include "relay/lane.hpp"
#include "relay/orders.hpp"
#include "relay/ports.hpp"
#include "relay/timer_wheel.hpp"
#include "transport/byte_queue.hpp"
#include "transport/intrusive_list.hpp"
#include "transport/transport.hpp"

#include <leasehold/router/wire/message_writer.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace leasehold::router::relay {

class internal_session;
class pool;
class server_connection;
class session;

// What lives on a lane's thread: its sessions, pools, timers, and the loop over them. Only read_counters()
// and the inbox are touched by others.
class lane_core
{
public:
    lane_core(
        const lane_settings& settings,
        server_source& source,
        cancel_sender& cancels,
        transport& net,
        buffer_pool& buffers,
        std::shared_ptr<inbox> from_others
    );
    lane_core(const lane_core&) = delete;
    lane_core& operator=(const lane_core&) = delete;
    ~lane_core();

    // Until stop(): inbox → timers → sessions that go on → pools that serve → one turn of the transport.
    void run();
    void run_once(boot_time wait_until);
    void stop() noexcept { is_stopping_ = true; }

    // Orders from outside, already on the lane.
    void admit(admitted client);
    void submit(internal_call call);
    void release_link(const pool_key& key, std::uint64_t link);
    void cancel(std::uint32_t slot, std::string_view key);
    void kill(kill_order order);
    void limit_right(const principal& who, boot_time ends_at);
    void lease_renewed(const lease_number& which, boot_time ends_at);
    void lease_ending(const lease_number& which, boot_time by);
    void lease_last_call(const lease_number& which);
    void lease_ended(const lease_number& which);
    void relimit(const limits_lookup& limits_of, std::uint32_t max_sessions);
    void drain(std::chrono::milliseconds limit, std::function<void()> done);
    void server_arrived(const pool_key& key, std::uint64_t epoch, verified_server server);
    void server_refused(const pool_key& key, std::uint64_t epoch, const refusal& why);
    void cancel_answered(std::uint64_t order);

    // For what lives on the lane.
    [[nodiscard]] boot_time now() const noexcept { return net_.now(); }  // of this turn
    [[nodiscard]] transport& net() noexcept { return net_; }
    [[nodiscard]] buffer_pool& buffers() noexcept { return buffers_; }
    [[nodiscard]] timer_wheel& wheel() noexcept { return wheel_; }
    [[nodiscard]] counters& tallies() noexcept { return counters_; }
    [[nodiscard]] const counters& tallies() const noexcept { return counters_; }
    [[nodiscard]] wire::message_writer& scratch() noexcept;  // empty; used up before the next call of it
    [[nodiscard]] const std::string& router_name() const noexcept { return settings_.router_name; }

    void serve_later(pool& one) noexcept;
    void go_on_later(session& one) noexcept;
    void ask_for_server(const pool_key& key, std::uint64_t epoch) noexcept;
    void send_cancel(server_connection& server) noexcept;
    server_connection& keep(std::unique_ptr<server_connection> server);
    void server_is_gone(server_connection& server) noexcept;
    void server_came_too_late(const pool_key& key, verified_server& server) noexcept;
    void session_is_gone(session& one) noexcept;
    void call_is_over(internal_session& one) noexcept;
    void pool_is_unused(pool& one) noexcept;
    std::uint64_t next_epoch() noexcept { return ++last_epoch_; }
    std::uint64_t next_link() noexcept { return ++last_link_; }
    void note_link(std::uint64_t link, internal_session* holder);

private:
    struct kill_record
    {
        kill_counts counts;
        std::size_t cancels = 0;  // still under way
        std::function<void(kill_counts)> done;
        timer limit;
        lane_core* core = nullptr;
        bool is_collecting = true;
        void over() noexcept;
    };
    struct cancel_order
    {
        server_connection* server = nullptr;  // null: it has closed meanwhile
        kill_record* kill = nullptr;
    };
    struct drain_state
    {
        boot_time begun;
        boot_time half;
        boot_time end;
        std::size_t first_count = 0;
        std::size_t ended = 0;
        std::function<void()> done;
        timer step;
    };

    pool& pool_for(const pool_key& key, const pool_limits& limits);
    [[nodiscard]] pool* find_pool(const pool_key& key) noexcept;
    template <class Call>
    void for_pools_of(const tenant_id& tenant, Call&& call);
    template <class Call>
    void for_pools_of(const lease_number& lease, Call&& call);
    void kill_tenant(const tenant_id& tenant, const refusal& why, kill_counts& into);
    void kill_principal(const principal& who, const refusal& why, kill_counts& into);
    void kill_lease(const lease_number& which, const refusal& why, kill_counts& into);
    void end_kill(kill_record& record);
    void drain_step() noexcept;
    void serve_pools() noexcept;
    void bury() noexcept;
    void close_everything() noexcept;

    lane_settings settings_;
    server_source& source_;
    cancel_sender& cancels_;
    transport& net_;
    buffer_pool& buffers_;
    std::shared_ptr<inbox> inbox_;
    timer_wheel wheel_;
    counters counters_;
    wire::message_writer scratch_;
    bool is_stopping_ = false;

    std::vector<std::unique_ptr<session>> sessions_;  // by slot
    intrusive_list<session> all_sessions_;
    std::unordered_map<principal, std::unique_ptr<intrusive_list<session>>, principal_hash> by_principal_;
    std::unordered_map<pool_key, std::unique_ptr<pool>, pool_key_hash> pools_;
    std::unordered_map<server_connection*, std::unique_ptr<server_connection>> servers_;
    std::unordered_map<internal_session*, std::unique_ptr<internal_session>> calls_;
    std::unordered_map<std::uint64_t, internal_session*> links_;
    std::unordered_map<std::uint64_t, cancel_order> cancel_orders_;
    std::vector<std::unique_ptr<kill_record>> kills_;
    kill_record* collecting_ = nullptr;  // cancels sent now belong to this kill
    std::unique_ptr<drain_state> drain_;
    std::uint64_t last_cancel_ = 0;
    std::uint64_t last_link_ = 0;
    std::uint64_t last_epoch_ = 0;

    intrusive_list<pool> to_serve_;
    intrusive_list<session> to_go_on_;
    // What has ended in this turn and may still be on the stack.
    std::vector<std::unique_ptr<session>> dead_sessions_;
    std::vector<std::unique_ptr<server_connection>> dead_servers_;
    std::vector<std::unique_ptr<internal_session>> dead_calls_;
    std::vector<std::unique_ptr<pool>> dead_pools_;
};

}  // namespace leasehold::router::relay
