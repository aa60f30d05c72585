#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace leasehold::router::relay {

enum class origin : std::uint8_t
{
    tenant,    // what a client sends
    platform,  // what the agent gateway and tickets send: never on a connection that a client touched
};

// Names one pool of a lane. The login of the lease is no part of it.
struct pool_key
{
    tenant_id tenant;
    role_class role = role_class::rw;
    origin from = origin::tenant;
    friend auto operator<=>(const pool_key&, const pool_key&) = default;
};

struct pool_key_hash
{
    std::size_t operator()(const pool_key& key) const noexcept
    {
        const auto kinds = static_cast<std::size_t>(key.role) * 2 + static_cast<std::size_t>(key.from);
        return std::hash<tenant_id>{}(key.tenant) ^ (kinds * 0x9e3779b97f4a7c15U);
    }
};

// One lease of this process; as vault_client::lease_ref. `number` grows and is never used again.
struct lease_number
{
    tenant_id tenant;
    int placement_generation = 0;
    role_class role = role_class::rw;
    std::uint64_t number = 0;
    friend auto operator<=>(const lease_number&, const lease_number&) = default;
};

// Limits and time-outs of a pool and its sessions; 0 = none. The newest that a session or a
// call brought is the pool's.
struct pool_limits
{
    std::uint32_t max_servers = 20;  // of this pool on its lane
    std::uint32_t max_waiting = 0;   // 0: four times max_servers
    std::chrono::milliseconds checkout{5000};
    std::chrono::milliseconds server_idle{600000};
    std::chrono::milliseconds idle_in_transaction{300000};
    std::chrono::milliseconds idle_client{0};
    std::chrono::milliseconds stalled{60000};
    std::chrono::milliseconds cancel_drain{5000};
    friend bool operator==(const pool_limits&, const pool_limits&) = default;
};

// What a tenant's pools are allowed; empty: as before. Called on any lane, so of immutable values only.
using limits_lookup = std::function<std::optional<pool_limits>(const tenant_id&)>;

}  // namespace leasehold::router::relay
