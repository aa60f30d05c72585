#pragma once

#include "relay/lane.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace leasehold::router::relay {

// All relay lanes of a router. A tenant's sessions and pools are on the one lane that its hash draws, so that
// five clients do not hold five server connections where one is enough. Any thread.
class lane_set
{
public:
    lane_set(std::uint8_t count, lane_settings of_each, server_source& source, cancel_sender& cancels);

    [[nodiscard]] lane& lane_of(const tenant_id& tenant) noexcept;
    void submit(internal_call call) { lane_of(call.pool.tenant).submit(std::move(call)); }
    void release_link(pool_key pool, std::uint64_t link) { lane_of(pool.tenant).release_link(pool, link); }
    // By the pid of the request; one of another router or lane does nothing.
    void cancel(std::uint32_t pid, std::string key);
    // On every lane; `done` once, with the sum, on whichever lane was last.
    void kill(kill_order order);
    void limit_right(principal who, boot_time ends_at);
    void lease_renewed(lease_number which, boot_time ends_at);
    void lease_ending(lease_number which, boot_time by);
    void lease_last_call(lease_number which);
    void lease_ended(lease_number which);
    void relimit(const limits_lookup& limits_of, std::uint32_t max_sessions);  // of each lane
    void drain(std::chrono::milliseconds limit, std::function<void()> done);
    void stop();

    [[nodiscard]] const std::vector<std::unique_ptr<lane>>& lanes() const noexcept { return lanes_; }

private:
    std::uint8_t router_number_;
    std::vector<std::unique_ptr<lane>> lanes_;
};

}  // namespace leasehold::router::relay
