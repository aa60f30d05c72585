#pragma once

#include "operations/operation_kind.hpp"

#include <leasehold/base/task.hpp>
#include <leasehold/registry/operations.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace leasehold::control_plane::operations {

struct runner_settings
{
    int workers = 4;
    std::chrono::milliseconds lease{30000};  // a worker's hold on an operation
    std::chrono::milliseconds poll{500};     // how often an idle worker looks by itself
    int attempts = 8;  // of a step whose dependency is away, before the operation waits longer
};

// Takes durable operations from the registry and runs their steps. Several runners, in several processes,
// share the work: each operation is held by a lease with a fence, and every write says so. Owner and thread:
// the control plane's lane.
class runner
{
public:
    runner(asio::io_context& on, registry::operations& store, std::string owner, runner_settings settings);
    void add(std::unique_ptr<operation_kind> kind);
    void start();
    // Work may be waiting: look now. From the lane.
    void wake();
    // No new operation is taken; those in work are given up at the next step. The coroutine ends when all
    // workers have.
    task<void> stop();

private:
    task<void> work();
    task<void> run(registry::operation operation);
    task<void> run_steps(operation_kind& kind, const registry::operation& operation);
    task<void> keep_hold(operation_id id, std::int64_t fence, std::shared_ptr<bool> done);

    asio::io_context& on_;
    registry::operations& store_;
    std::string owner_;
    runner_settings settings_;
    std::map<std::string, std::unique_ptr<operation_kind>> kinds_;
    asio::steady_timer idle_;  // shared: who waits on it is woken by wake() or by its end
    std::uint64_t wakes_ = 0;
    bool stopping_ = false;
    int running_ = 0;
};

}  // namespace leasehold::control_plane::operations
