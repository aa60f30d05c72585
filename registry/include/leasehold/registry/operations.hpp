#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/principal.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::registry {

struct operation_step
{
    std::string name;
    std::string state;  // pending, running, done, failed
    std::int64_t attempts = 0;
    std::optional<wall_time> started_at;
    std::optional<wall_time> finished_at;
    nlohmann::json error;   // null, or {code, detail}
    nlohmann::json output;  // what a later step reads; null until done
};

struct operation
{
    operation_id id;
    std::string kind;  // provision, suspend, resume, delete
    std::optional<tenant_id> tenant;
    std::string state;  // queued, running, waiting, succeeded, failed, cancelled
    nlohmann::json parameters;
    nlohmann::json result;
    nlohmann::json error;
    std::optional<std::string> waiting_for;
    bool cancel_requested = false;
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> started_at;
    std::optional<wall_time> finished_at;
    std::int64_t fence = 0;
    std::vector<operation_step> steps;
};

// Durable work. A worker holds an operation by (owner, fence, lease): every write says so, and one that came
// too late throws conflict operation_lost.
class operations
{
public:
    explicit operations(database::pool& pool) : pool_(pool) {}

    // conflict operation_in_progress (detail names it) where the tenant has an open one.
    task<operation_id>
    start(principal who, std::string kind, std::optional<tenant_id> tenant, nlohmann::json parameters);
    task<operation> get(operation_id id);  // not_found operation_not_found
    task<std::vector<operation>>
    list(std::optional<tenant_id> tenant, std::optional<operation_id> after, int limit);

    // Worker side.
    task<std::optional<operation>> claim(std::string owner, std::chrono::milliseconds lease);
    task<bool> hold(operation_id id, std::int64_t fence, std::chrono::milliseconds lease);
    task<void>
    plan_steps(operation_id id, std::int64_t fence, std::vector<std::string> names);  // those not yet there
    task<void> step_started(operation_id id, std::int64_t fence, std::string name);
    // `next` begins with it; empty: none does.
    task<void> step_done(
        operation_id id, std::int64_t fence, std::string name, nlohmann::json output, std::string next = {}
    );
    task<void> step_failed(operation_id id, std::int64_t fence, std::string name, nlohmann::json error);
    task<void> succeed(principal who, operation_id id, std::int64_t fence, nlohmann::json result);
    task<void> fail(principal who, operation_id id, std::int64_t fence, nlohmann::json error);
    // Back to the queue after `pause`; state waiting with the reason. A null pause waits for an outside
    // `retry`.
    task<void> wait(
        operation_id id,
        std::int64_t fence,
        std::string waiting_for,
        std::optional<std::chrono::milliseconds> pause
    );
    // A failed operation goes back to the queue at its first unfinished step. conflict operation_state
    // otherwise.
    task<void> retry(principal who, operation_id id);
    task<void> cancelled(principal who, operation_id id, std::int64_t fence);
    task<void> request_cancel(principal who, operation_id id);

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
