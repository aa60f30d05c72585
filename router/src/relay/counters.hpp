#pragma once

#include <atomic>
#include <cstdint>

namespace leasehold::router::relay {

// Written by one thread, read by any: no locked instruction.
class tally
{
public:
    void add(std::uint64_t amount = 1) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t amount = 1) noexcept
    {
        value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
    }
    void raise_to(std::uint64_t amount) noexcept
    {
        if (amount > get()) value_.store(amount, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// Of one lane, summed at scrape.
struct counters
{
    tally sessions;      // now
    tally servers;       // now
    tally servers_busy;  // now
    tally waiting;       // now
    tally pools;         // now
    tally transactions;  // a server was lent and given back
    tally queries;       // ReadyForQuery relayed to clients
    tally internal_calls;
    tally bytes_from_clients;
    tally bytes_from_servers;
    tally pins;
    tally pool_timeouts;
    tally servers_lost;
    tally clients_lost;  // gone in mid query
    tally cancels;
    tally sessions_killed;
    tally lease_cuts;
    tally checkout_waits;            // borrows that had to wait
    tally checkout_nanoseconds;      // their sum
    tally busy_nanoseconds;          // of the thread, for lane_busy_ratio
    tally longest_turn_nanoseconds;  // between two waits, since the start
};

}  // namespace leasehold::router::relay
