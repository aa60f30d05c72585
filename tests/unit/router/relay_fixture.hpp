#pragma once

#include "relay/lane.hpp"

#include <leasehold/router/wire/message_writer.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leasehold::router::relay::test {

using namespace std::chrono_literals;

inline constexpr std::chrono::milliseconds patience{10000};

// One end of a socket pair, spoken by a test: blocking, each wait with a deadline.
class peer
{
public:
    struct message
    {
        char type = 0;
        std::string body;
    };

    explicit peer(int descriptor) : descriptor_(descriptor) {}
    peer(peer&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1))
        , bytes_(std::move(other.bytes_))
    {}
    peer& operator=(peer&& other) noexcept;
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;
    ~peer() { close(); }

    void send(std::string_view bytes);
    // As much as the socket takes without waiting.
    std::size_t send_some(std::string_view bytes);
    // Empty at the end of the stream.
    std::optional<message> next();
    // The next `count` messages: their types, bodies dropped.
    std::string types(std::size_t count);
    // Types of all messages up to ReadyForQuery, with its status appended: "TDCZI".
    std::string until_ready();
    bool is_silent();  // nothing has come; settle() the lane first
    bool is_closed();  // waits for the end of the stream
    void close();
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
    bool fill();

    int descriptor_;
    std::string bytes_;
};

// {what the lane gets, what the test keeps}
std::pair<connected_socket, peer> make_pair_of_sockets();

// Everything a lane asks for waits here until the test answers.
class scripted_ports final : public server_source, public cancel_sender
{
public:
    struct cancel_request
    {
        wire::server_pid pid;
        std::string key;
        cancel_promise answer;
    };

    void request_server(server_promise answer) override;
    void server_closed(const pool_key& key, std::uint32_t server_index) noexcept override;
    void send_cancel(
        std::shared_ptr<const server_address> where,
        wire::server_pid pid,
        const wire::server_key& key,
        cancel_promise answer
    ) override;

    std::optional<server_promise> next_request(std::chrono::milliseconds wait = patience);
    std::optional<cancel_request> next_cancel(std::chrono::milliseconds wait = patience);
    bool wait_for_closed(std::size_t count);
    std::size_t closed_count();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<server_promise> requests_;
    std::deque<cancel_request> cancels_;
    std::size_t closed_ = 0;
};

wire::message_writer messages();
std::string query(std::string_view sql);
std::string simple_reply(std::string_view tag, char status = 'I');  // CommandComplete, ReadyForQuery
std::string ready(char status = 'I');
std::string error_reply(std::string_view sqlstate, char status = 'I', std::string_view severity = "ERROR");
std::string error_only(std::string_view sqlstate, std::string_view severity = "ERROR");
std::string_view sqlstate_of(const peer::message& error);
std::string_view field_of(const peer::message& error, char type);

// A lane with two tenants, its ports in the test's hands.
class relay_test : public ::testing::Test
{
protected:
    relay_test();
    ~relay_test() override;

    struct client_options
    {
        tenant_id tenant;
        pool_limits limits;
        parameter_set settings;
        principal who;
        origin from = origin::tenant;
        bool session_mode = false;
        boot_time ends_at = boot_time::max();
        std::string early;
    };
    struct joined_client
    {
        peer talk;
        std::uint32_t pid = 0;
        std::string key;
    };

    client_options of(const tenant_id& tenant) const;
    // Admitted; nothing read yet.
    joined_client connect(client_options options);
    // Admitted and greeted; the pool must know its parameters (see log_in).
    joined_client join(client_options options);
    // Answers the next request for a server.
    peer log_in(std::uint64_t lease = 1, boot_time ends_at = boot_time::max());
    // A pool that knows its parameters and has one idle server.
    std::pair<joined_client, peer> join_first(client_options options);
    // What was posted or sent before has been dealt with by the lane.
    void settle();

    tenant_id acme = tenant_id::random();
    tenant_id globex = tenant_id::random();
    std::uint32_t next_server_pid_ = 1000;
    scripted_ports ports;
    std::unique_ptr<lane> on;
};

}  // namespace leasehold::router::relay::test
