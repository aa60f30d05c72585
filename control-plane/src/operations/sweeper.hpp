#pragma once

#include "operations/facilities.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace leasehold::control_plane::operations {

struct sweeper_settings
{
    std::chrono::milliseconds interval{10000};
    std::chrono::seconds expired_for{15 * 60};  // the broker's own tries are over by then
};

// Goes round the servers and ends what a revocation left: lease logins past their end or blocked from being
// dropped, and sessions whose role is gone. So end templates that newer ones superseded, and changes that
// every router has read long since. It looks at the server, not at the broker's bookkeeping. Once a day it
// looks each server over as a whole (preflight). Owner and thread: the control plane's lane.
class sweeper
{
public:
    sweeper(asio::io_context& on, facilities& with, sweeper_settings settings = {});
    void start();
    task<void> stop();
    // One round over all servers; failures of one do not keep the others waiting.
    task<void> sweep_all();

private:
    task<void> run();
    task<void> sweep_one(registry::server at);
    task<void> sweep_templates(registry::server at);

    asio::io_context& on_;
    facilities& with_;
    sweeper_settings settings_;
    asio::steady_timer timer_;
    bool stopping_ = false;
    bool running_ = false;
};

}  // namespace leasehold::control_plane::operations
