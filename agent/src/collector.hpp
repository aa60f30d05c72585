#pragma once

#include "machine.hpp"
#include "spool.hpp"

#include <leasehold/agent/agent.hpp>
#include <leasehold/base/clock.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace leasehold::agent {

// Decides what is collected when, and puts it into the spool. Reads files of /proc, /etc and dpkg: some
// milliseconds, on the agent's own loop, where nobody else waits. Owner and thread: the agent's loop.
class collector
{
public:
    collector(const agent_config& config, spool& into, std::filesystem::path sent_file);

    // Collects what is due at `now`.
    void collect(boot_time now);
    [[nodiscard]] boot_time next() const noexcept;

    // From the gateway: the next heartbeat, and what it misses (kinds of inventory, "packages").
    void set_heartbeat(boot_time at) noexcept { heartbeat_at_ = at; }
    void want(const std::string& kind);
    void packages_stored(std::string_view sha256);

    void note_clock_error(std::chrono::milliseconds ahead) noexcept { clock_error_ = ahead; }
    // The body of a heartbeat; without metrics while a person has not yet approved this host.
    [[nodiscard]] nlohmann::json heartbeat(bool with_metrics) const;
    void report(std::string_view kind, nlohmann::json detail);

    [[nodiscard]] const machine_facts& machine() const noexcept { return machine_; }
    [[nodiscard]] const std::string& instance() const noexcept { return instance_; }

private:
    void collect_inventory_documents();
    void collect_package_list();
    void report_losses();

    const agent_config& config_;
    spool& into_;
    std::filesystem::path sent_file_;
    machine_facts machine_;
    std::string instance_;  // of this process: two copies of one host differ in it
    boot_time heartbeat_at_{};
    boot_time inventory_at_{};
    boot_time packages_at_{};
    std::set<std::string> wanted_;
    std::map<std::string, std::string> have_;  // kind -> SHA-256 of what was collected last
    std::string packages_sent_;                // digest the gateway has confirmed
    std::string packages_spooled_;
    std::optional<std::chrono::milliseconds> clock_error_;
};

}  // namespace leasehold::agent
