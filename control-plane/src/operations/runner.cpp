#include "operations/runner.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::operations {
namespace {

nlohmann::json to_json(const std::exception& why)
{
    if (const auto* known = dynamic_cast<const error*>(&why)) {
        return {{"code", known->code()}, {"kind", facts_of(known->kind()).name}, {"detail", known->detail()}};
    }
    return {{"code", "internal"}, {"kind", "internal"}, {"detail", "an unexpected failure; see the log"}};
}

// A dependency that is away comes back; anything else needs a person.
bool heals_by_itself(const std::exception& why)
{
    const auto* known = dynamic_cast<const error*>(&why);
    return known != nullptr && facts_of(known->kind()).retryable;
}

// 1 s, 2 s, 4 s … 30 s
std::chrono::milliseconds pause_after(std::int64_t attempts)
{
    const auto doubled = std::chrono::seconds(std::int64_t{1} << std::min<std::int64_t>(attempts, 5));
    return std::min<std::chrono::milliseconds>(doubled, std::chrono::seconds(30));
}

}  // namespace

const nlohmann::json& step_context::output_of(const std::string& step) const
{
    const auto found = outputs.find(step);
    if (found == outputs.end()) {
        throw error(
            error_kind::internal, "operation_step_missing", fmt::format("step {} has left nothing", step)
        );
    }
    return found->second;
}

task<void> operation_kind::cancel(const step_context&)
{
    throw error(
        error_kind::conflict, "operation_state", fmt::format("an operation {} cannot be cancelled", name())
    );
    co_return;
}

runner::runner(asio::io_context& on, registry::operations& store, std::string owner, runner_settings settings)
    : on_(on)
    , store_(store)
    , owner_(std::move(owner))
    , settings_(settings)
    , idle_(on)
{}

void runner::add(std::unique_ptr<operation_kind> kind)
{
    auto name = kind->name();
    kinds_.emplace(std::move(name), std::move(kind));
}

void runner::start()
{
    for (int i = 0; i < settings_.workers; ++i) {
        ++running_;
        spawn(on_, "operation worker", work());
    }
}

void runner::wake()
{
    ++wakes_;
    idle_.cancel();
}

task<void> runner::stop()
{
    stopping_ = true;
    wake();
    while (running_ > 0) co_await sleep_for(std::chrono::milliseconds(10));
}

task<void> runner::work()
{
    boost::system::error_code woken;
    while (!stopping_) {
        bool found = false;
        const auto wakes = wakes_;
        try {
            auto claimed = co_await store_.claim(owner_, settings_.lease);
            found = claimed.has_value();
            if (claimed) co_await run(std::move(*claimed));
        } catch (const std::exception& failed) {
            found = false;
            log::failure("operation.worker_failed", failed);
        }
        if (found || stopping_ || wakes != wakes_) continue;  // woken while it looked: look again
        // All wait on one timer, and to set it anew would wake those who wait already.
        if (idle_.expiry() <= asio::steady_timer::clock_type::now()) idle_.expires_after(settings_.poll);
        co_await idle_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
    --running_;
}

task<void> runner::keep_hold(operation_id id, std::int64_t fence, std::shared_ptr<bool> done)
{
    constexpr std::chrono::milliseconds slice(100);  // so that a stopping process waits no longer for this
    while (!*done) {
        for (auto waited = slice; waited < settings_.lease / 3 && !*done; waited += slice)
            co_await sleep_for(slice);
        if (*done) co_return;
        try {
            const bool held = co_await store_.hold(id, fence, settings_.lease);
            if (!held) co_return;  // the next write of the step says so
        } catch (const std::exception& failed) {
            // The hold lasts for another try or two.
            log::failure("operation.hold_failed", failed, {{"operation", id.to_string()}});
        }
    }
}

task<void> runner::run(registry::operation operation)
{
    const auto kind = kinds_.find(operation.kind);
    if (kind == kinds_.end()) {
        const nlohmann::json why{
            {"code", "operation_unknown"}, {"detail", "this release does not know this kind"}};
        auto who = registry::principal::system("operations");
        co_await store_.fail(std::move(who), operation.id, operation.fence, why);
        co_return;
    }
    auto done = std::make_shared<bool>(false);
    spawn(on_, "operation hold", keep_hold(operation.id, operation.fence, done));
    std::exception_ptr escaped;
    try {
        co_await run_steps(*kind->second, operation);
    } catch (...) {
        escaped = std::current_exception();
    }
    *done = true;
    if (escaped) std::rethrow_exception(escaped);
}

task<void> runner::run_steps(operation_kind& kind, const registry::operation& operation)
{
    const auto id = operation.id;
    const auto fence = operation.fence;
    std::map<std::string, nlohmann::json> outputs;
    std::map<std::string, std::int64_t> attempts;
    for (const auto& step : operation.steps) {
        attempts[step.name] = step.attempts;
        if (step.state == "done") outputs[step.name] = step.output;
    }
    auto system = registry::principal::system("operations");
    system.request_id = id.to_string();
    const step_context context{operation, outputs, system};

    if (operation.cancel_requested) {
        co_await kind.cancel(context);
        co_await store_.cancelled(system, id, fence);
        log::info("operation.cancelled", {{"operation", id.to_string()}, {"kind", operation.kind}});
        co_return;
    }

    auto names = kind.steps();
    co_await store_.plan_steps(id, fence, names);
    std::vector<std::string> unfinished;
    for (const auto& name : names) {
        if (outputs.count(name) == 0) unfinished.push_back(name);
    }
    for (std::size_t i = 0; i < unfinished.size(); ++i) {
        const auto& name = unfinished[i];
        if (stopping_) {
            co_await store_.wait(id, fence, "restart", std::chrono::milliseconds(0));
            co_return;
        }
        nlohmann::json output;
        nlohmann::json problem;
        std::string waiting_for;
        std::chrono::milliseconds pause{0};
        bool lost = false;
        try {
            if (i == 0) {
                co_await store_.step_started(id, fence, name);
                co_await kind.begin(context);
            }
            auto left = co_await kind.run_step(name, context);
            output = std::move(left);
        } catch (const must_wait& later) {
            waiting_for = later.what_for();
            pause = later.pause();
        } catch (const std::exception& failed) {
            const auto* known = dynamic_cast<const error*>(&failed);
            lost = known != nullptr && known->code() == "operation_lost";
            problem = to_json(failed);
            log::failure(
                "operation.step_failed",
                failed,
                {{"operation", id.to_string()}, {"kind", operation.kind}, {"step", name}}
            );
            if (heals_by_itself(failed)) {
                waiting_for = problem.value("code", "");
                pause = pause_after(attempts[name]);
            }
        }
        if (lost) co_return;
        if (!waiting_for.empty()) {
            if (!problem.is_null()) co_await store_.step_failed(id, fence, name, problem);
            co_await store_.wait(id, fence, waiting_for, pause);
            co_return;
        }
        if (!problem.is_null()) {
            co_await store_.step_failed(id, fence, name, problem);
            co_await kind.failed(context);
            problem["step"] = name;
            co_await store_.fail(system, id, fence, problem);
            co_return;
        }
        const auto next = i + 1 < unfinished.size() ? unfinished[i + 1] : std::string();
        co_await store_.step_done(id, fence, name, output, next);
        outputs[name] = std::move(output);
        log::debug(
            "operation.step_done", {{"operation", id.to_string()}, {"kind", operation.kind}, {"step", name}}
        );
    }
    const auto last = outputs.at(names.back());
    co_await store_.succeed(system, id, fence, last);
    log::info("operation.succeeded", {{"operation", id.to_string()}, {"kind", operation.kind}});
}

}  // namespace leasehold::control_plane::operations
