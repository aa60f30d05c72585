#pragma once

#include "collector.hpp"
#include "gateway.hpp"
#include "identity.hpp"
#include "rejected_items.hpp"
#include "spool.hpp"
#include "state_folder.hpp"

#include <leasehold/agent/agent.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::agent {

// The life of one agent: enroll, then collect, send, renew, wait, until it is told to stop.
// Owner and thread: the loop it is given.
class session
{
public:
    session(asio::io_context& loop, const agent_config& config, bool once);

    // With `once` it ends when everything was sent, and throws what prevented that.
    task<void> live();
    // Flushes the spool every spool.sync, so that a power cut costs one such period at most.
    task<void> keep_synced();
    void stop();

private:
    enum class mode : std::uint8_t
    {
        sending,
        holding,  // the tenant or a person must act first; asks how things are every 5 minutes
        stopped,  // this host may send nothing; asks every hour
    };

    task<void> enroll();
    void take_enrollment(const gateway_answer& answer);
    task<void> send_all();
    task<bool> send_one(item_kind kind);
    task<bool> send_heartbeat();
    task<bool> send_inventory();
    task<bool> send_packages();
    task<bool> send_events();
    task<void> send_presence();
    task<void> ask_self();
    task<void> renew();

    task<gateway_answer> call(http::method how, std::string path, std::string body);
    // True: go on with the next item.
    bool settle(item_kind kind, const gateway_answer& answer, const std::string& item);
    void set_aside(item_kind kind, const std::string& code, const std::string& item);
    void obey(const gateway_answer& answer);
    void read_heartbeat_answer(const gateway_answer& answer);
    void set_state(const std::string& state);
    void wait_for_token(const gateway_answer& answer);
    void set_pause(std::chrono::nanoseconds length);
    [[nodiscard]] bool may_send() const;
    [[nodiscard]] boot_time next_wake() const;
    task<void> rest();
    [[nodiscard]] std::string load_token() const;
    void store();

    const agent_config& config_;
    bool once_;
    state_folder folder_;
    identity who_;
    spool spool_;
    rejected_items rejected_;
    collector collector_;
    gateway gateway_;
    asio::steady_timer alarm_;
    asio::steady_timer sync_alarm_;
    mode mode_ = mode::sending;
    boot_time paused_until_{};
    boot_time renewed_at_{};
    boot_time credential_since_{};  // issued to this process then; before: longer ago
    int failures_ = 0;
    bool renew_asked_ = false;
    std::size_t event_batch_;
    bool is_stopping_ = false;
};

}  // namespace leasehold::agent
