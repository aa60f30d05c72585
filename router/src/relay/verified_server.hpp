#pragma once

#include "relay/pool_key.hpp"
#include "transport/connected_socket.hpp"

#include <leasehold/router/wire/cancel_key.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace leasehold::router::relay {

// What a server reported at its login, in its order: ParameterStatus names and values.
using parameter_set = std::vector<std::pair<std::string, std::string>>;

// Where a server connection leads, for cancels: the address that was really reached, and what TLS must show
// there.
struct server_address
{
    sockaddr_storage peer{};
    socklen_t peer_size = 0;
    std::string host;                // name that the certificate must show
    std::uint32_t server_index = 0;  // of the directory: CA, sslmode
};

// One lease in use. Every server connection of the lease holds it; when the last one has closed the
// destructor runs, on a relay lane. The owner derives from it and posts what must follow
// (lease_roster::drained) to its own lane.
class lease_hold
{
public:
    lease_hold() = default;
    lease_hold(const lease_hold&) = delete;
    lease_hold& operator=(const lease_hold&) = delete;
    virtual ~lease_hold() = default;

    // When a connection of it was last lent, as boot_time ticks; 0: never. For lease_roster::note_used.
    std::atomic<boot_clock::rep> last_lent{0};
    std::atomic<int> lent{0};  // now
    std::atomic<int> kept{0};  // of these, by pinned sessions: for lease_roster::note_kept
};

// A server connection that has logged in and passed verification (verification.hpp), idle, outside a
// transaction. Move-only: the sender keeps nothing.
struct verified_server
{
    connected_socket socket;
    wire::server_pid pid;
    std::optional<wire::server_key> key;  // empty: it sent none, so it cannot be cancelled
    std::shared_ptr<const parameter_set> parameters;
    std::shared_ptr<const server_address> address;
    lease_number lease;
    boot_time lease_ends_at = boot_time::max();  // max: no lease (collapsed mode)
    std::shared_ptr<lease_hold> hold;            // null: no lease
};

}  // namespace leasehold::router::relay
