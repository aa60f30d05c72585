#pragma once

#include "relay/inbox.hpp"
#include "relay/pool_key.hpp"
#include "relay/refusal.hpp"
#include "relay/verified_server.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

// What the relay needs of the front lanes. All functions are called on a relay lane and must not block, throw
// or wait: they post.
namespace leasehold::router::relay {

class lane_core;

// Answers one request for a server connection: exactly once, from any thread. Destroyed without an answer it
// answers `internal`. May outlive the lane: a server that comes too late is closed.
class server_promise
{
public:
    server_promise(std::shared_ptr<inbox> to, lane_core& core, pool_key key, std::uint64_t epoch) noexcept
        : to_(std::move(to))
        , core_(&core)
        , key_(key)
        , epoch_(epoch)
    {}
    server_promise(server_promise&& other) noexcept = default;
    server_promise& operator=(server_promise&&) = delete;
    server_promise(const server_promise&) = delete;
    server_promise& operator=(const server_promise&) = delete;
    ~server_promise();

    [[nodiscard]] const pool_key& key() const noexcept { return key_; }
    void fulfil(verified_server server);
    void refuse(refusal why);

private:
    std::shared_ptr<inbox> to_;  // null: answered
    lane_core* core_;
    pool_key key_;
    std::uint64_t epoch_;  // of the pool: a server asked for before a kill is not taken after it
};

class server_source
{
public:
    virtual ~server_source() = default;
    // A session waits: get the lease of (tenant, class), log in, verify, and answer. The pool asks for no
    // more connections than its limit; back-off and breakers are the source's.
    virtual void request_server(server_promise answer) = 0;
    // Every fulfilled server is given back here exactly once, after its socket has closed (slots, budgets).
    virtual void server_closed(const pool_key& key, std::uint32_t server_index) noexcept = 0;
};

// Answers one cancel order: exactly once, from any thread; the destructor counts as an answer.
class cancel_promise
{
public:
    cancel_promise(std::shared_ptr<inbox> to, lane_core& core, std::uint64_t order) noexcept
        : to_(std::move(to))
        , core_(&core)
        , order_(order)
    {}
    cancel_promise(cancel_promise&& other) noexcept = default;
    cancel_promise& operator=(cancel_promise&&) = delete;
    cancel_promise(const cancel_promise&) = delete;
    cancel_promise& operator=(const cancel_promise&) = delete;
    ~cancel_promise() { done(); }

    // The cancel connection has seen its end of stream, or could not be made.
    void done();

private:
    std::shared_ptr<inbox> to_;
    lane_core* core_;
    std::uint64_t order_;
};

class cancel_sender
{
public:
    virtual ~cancel_sender() = default;
    // Connects to `where`, sends CancelRequest{pid, key}, waits for end of stream. The server connection is
    // lent again only after the answer.
    virtual void send_cancel(
        std::shared_ptr<const server_address> where,
        wire::server_pid pid,
        const wire::server_key& key,
        cancel_promise answer
    ) = 0;
};

}  // namespace leasehold::router::relay
