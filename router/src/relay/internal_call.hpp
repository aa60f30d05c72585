#pragma once

#include "relay/pool_key.hpp"
#include "relay/refusal.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>

namespace leasehold::router::relay {

// What an internal client gets: all bytes the server sent for the batch, from its first message to
// ReadyForQuery.
struct internal_reply
{
    std::string bytes;
    char transaction = 'I';  // of ReadyForQuery: I, T, E
    std::uint64_t link = 0;  // not 0: the server connection is kept for the next call that names it
};

// A batch of messages of our own (agent gateway, tickets) that goes through the same pools and limits as a
// client's, without a socket. `batch` ends in exactly one Sync or is exactly one Query. Parse with a name is
// not allowed. `done` is called once, on the relay lane, and must only post; an ErrorResponse of the server
// is a reply, not a refusal. server_lost: the outcome is unknown.
struct internal_call
{
    pool_key pool;
    pool_limits limits;
    std::string batch;
    std::size_t reply_limit = std::size_t{16} * 1024 * 1024;
    std::uint64_t link = 0;  // of an earlier reply: this batch continues on its server connection
    bool keep = false;       // in a transaction after this batch: keep the connection for the next call
    std::function<void(std::variant<internal_reply, refusal>)> done;
};

}  // namespace leasehold::router::relay
