#pragma once

#include "relay/admitted.hpp"
#include "relay/pool_key.hpp"
#include "relay/refusal.hpp"

#include <cstdint>
#include <functional>
#include <variant>

namespace leasehold::router::relay {

// What a kill ends: everything of a tenant (sessions, waiters, server connections), the sessions of one
// principal, or what uses one lease.
using kill_target = std::variant<tenant_id, principal, lease_number>;

struct kill_counts
{
    std::uint64_t sessions = 0;
    std::uint64_t servers = 0;
    std::uint64_t waiters = 0;  // of the sessions, those that waited for a server
    kill_counts& operator+=(const kill_counts& other) noexcept
    {
        sessions += other.sessions;
        servers += other.servers;
        waiters += other.waiters;
        return *this;
    }
};

struct kill_order
{
    kill_target target;
    refusal why = refusals::session_revoked;
    // On a relay lane, once, when every session was told and closed, every server connection closed and its
    // cancel request answered (900 ms at most). Must only post.
    std::function<void(kill_counts)> done;
};

}  // namespace leasehold::router::relay
