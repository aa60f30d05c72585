#pragma once

#include <leasehold/base/task.hpp>
#include <leasehold/registry/operations.hpp>
#include <leasehold/registry/principal.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace leasehold::control_plane::operations {

// What a step is given: the operation as it was claimed, what earlier steps left, and who is acting.
struct step_context
{
    const registry::operation& operation;
    const std::map<std::string, nlohmann::json>& outputs;  // by step name
    registry::principal who;

    [[nodiscard]] tenant_id tenant() const { return operation.tenant.value(); }
    [[nodiscard]] const nlohmann::json& output_of(const std::string& step) const;
};

// Thrown by a step that cannot go on yet: the operation waits, says for what, and is taken up again after the
// pause.
class must_wait : public std::exception
{
public:
    must_wait(std::string what_for, std::chrono::milliseconds pause)
        : what_for_(std::move(what_for))
        , pause_(pause)
    {}
    [[nodiscard]] const std::string& what_for() const noexcept { return what_for_; }
    [[nodiscard]] std::chrono::milliseconds pause() const noexcept { return pause_; }

private:
    std::string what_for_;
    std::chrono::milliseconds pause_;
};

// One kind of operation: named steps in order, each idempotent and ended by a look. Lives on the control
// plane's lane.
class operation_kind
{
public:
    virtual ~operation_kind() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::vector<std::string> steps() const = 0;
    // Before the first step that a worker does of a claimed operation. May move the tenant's state.
    virtual task<void> begin(const step_context& context)
    {
        (void)context;
        co_return;
    }
    // Does one step; its answer is kept and given to later steps.
    virtual task<nlohmann::json> run_step(std::string step, const step_context& context) = 0;
    // After a step failed for good. May move the tenant's state.
    virtual task<void> failed(const step_context& context)
    {
        (void)context;
        co_return;
    }
    // Walks back until nothing is left. Kinds that cannot be walked back refuse: conflict operation_state.
    virtual task<void> cancel(const step_context& context);
};

}  // namespace leasehold::control_plane::operations
