#pragma once

#include "relay/admitted.hpp"
#include "relay/borrower.hpp"
#include "relay/timer_wheel.hpp"
#include "transport/byte_queue.hpp"
#include "transport/transport.hpp"

#include <leasehold/router/wire/client_stream.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace leasehold::router::relay {

class lane_core;
class pool;
class server_connection;

// One admitted client: greet → (borrow → relay → give back)* → end. In transaction mode it has a server
// connection from the first message of a transaction to the ReadyForQuery that ends it. What outlives a
// transaction pins it to its server connection until it ends. Owner: the lane. Lane only.
class session final : public endpoint, public borrower
{
public:
    session(lane_core& core, pool& of, admitted client);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    // Begins: greets, or waits for the first server login of its pool.
    void start() noexcept;
    // ParameterStatus set, BackendKeyData, ReadyForQuery. From its pool, when the set is known.
    void greet() noexcept;
    // Tells the client why, FATAL, and ends. A query on its server is cancelled.
    void fail(const refusal& why) noexcept;
    // The same for a right that has ended: nothing waits for the client, and the server connection is closed.
    void kill(const refusal& why) noexcept;
    // The right ends at this moment, or never (max).
    void limit_right(boot_time ends_at) noexcept;
    // From a CancelRequest. A wrong key does nothing.
    void cancel(std::string_view key) noexcept;
    // Goes on with what is held. From the lane, never from inside a callback of its server.
    void go_on() noexcept;

    [[nodiscard]] std::uint32_t slot() const noexcept { return client_.slot.number(); }
    [[nodiscard]] bool is_ended() const noexcept { return is_ended_; }
    [[nodiscard]] bool is_between_transactions() const noexcept;
    [[nodiscard]] const principal& who() const noexcept { return client_.who; }
    [[nodiscard]] server_connection* server() const noexcept { return server_; }
    [[nodiscard]] pool& of() const noexcept { return pool_; }

    // The client.
    void on_bytes(std::string_view bytes) noexcept override;
    void on_closed() noexcept override;
    void on_writable() noexcept override;

    // The server.
    void on_lent(server_connection& server) noexcept override;
    void on_refused(const refusal& why) noexcept override;
    bool on_reply(std::string_view bytes) noexcept override;
    void on_ready(char status) noexcept override;
    void on_server_writable() noexcept override;
    void on_settings(bool is_applied, std::string_view sqlstate, std::string_view message) noexcept override;
    void on_server_gone(const refusal& why, bool is_told) noexcept override;
    void on_lease_ending() noexcept override;
    void limits_have_changed() noexcept { adjust_limit(); }  // the pool's

    list_hook in_pool;  // sessions of its pool
    list_hook in_lane;  // all sessions
    list_hook of_principal;
    list_hook awaiting_parameters;  // pool: no server has logged in yet
    list_hook to_go_on;             // lane: has held bytes to look at

private:
    enum class skip : std::uint8_t
    {
        nothing,
        message,  // the present Query or FunctionCall, refused; then a ReadyForQuery
        batch,    // everything to the next Sync, refused; then a ReadyForQuery
    };
    // The statement without a name that its server connection has.
    enum class unnamed : std::uint8_t
    {
        foreign,         // whoever had the connection before may have left it
        settled,         // none, or used in the batch that brought it
        fresh,           // of the batch that is being sent, and not used yet
        outlives_batch,  // a Sync came before its first use: later batches may use it
    };
    enum class limit : std::uint8_t
    {
        none,
        login,
        idle_in_transaction,
        idle_client,
        stalled
    };

    std::size_t take(std::string_view bytes) noexcept;
    std::size_t take_without_server(std::string_view bytes) noexcept;
    std::size_t skip_refused(std::string_view bytes) noexcept;
    std::size_t relay(std::string_view bytes) noexcept;
    bool relay_beginning(const wire::client_event& event) noexcept;  // false: the message is not sent
    void note_unnamed(const wire::client_event& event) noexcept;
    [[nodiscard]] bool uses_foreign_statement(const wire::client_event& event) const noexcept;
    void ask_for_no_statement() noexcept;
    void borrow() noexcept;
    void got_server(server_connection& server) noexcept;
    void give_back() noexcept;
    void note_features(wire::session_features found) noexcept;
    [[nodiscard]] bool is_pinned() const noexcept { return client_.session_mode || pins_.any(); }
    [[nodiscard]] bool is_midway() const noexcept { return is_forwarding_ && !stream_.at_boundary(); }
    [[nodiscard]] bool may_take() const noexcept;
    void adjust_reading() noexcept;
    void adjust_limit() noexcept;
    void set_limit(limit kind, std::chrono::milliseconds from_now) noexcept;
    void limit_is_over() noexcept;
    void right_is_over() noexcept;
    void write_error(const refusal& why, bool is_fatal) noexcept;
    void write_ready() noexcept;
    void say_goodbye() noexcept;  // Terminate
    void refuse_protocol() noexcept;
    void end(transport::patience how) noexcept;  // off everything; buried

    lane_core& core_;
    pool& pool_;
    admitted client_;  // its socket has moved to the transport
    std::string settings_query_;
    transport::handle handle_;
    server_connection* server_ = nullptr;
    wire::client_stream stream_;
    byte_queue held_;  // what waits for a server or for the rest of a message
    wire::session_features pins_;
    unnamed unnamed_ = unnamed::foreign;
    skip skips_ = skip::nothing;
    limit limit_kind_ = limit::none;
    boot_time limit_at_ = boot_time::max();
    std::size_t pending_at_stall_ = 0;
    timer limit_;
    timer right_limit_;
    bool is_started_ = false;
    bool is_greeted_ = false;
    bool is_ended_ = false;
    bool is_forwarding_ = false;  // the message that is being taken
    bool is_settling_ = false;    // its settings are on their way; what follows is held
    bool are_settings_proven_ = false;
    bool is_server_full_ = false;  // the server's socket
    bool is_client_full_ = false;  // the client's socket
    bool is_notice_owed_ = false;  // lease_ending, after the reply that is being passed on
};

}  // namespace leasehold::router::relay
