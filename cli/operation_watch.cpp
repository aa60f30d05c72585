#include "operation_watch.hpp"

#include "failure.hpp"
#include "output.hpp"

#include <leasehold/base/clock.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

namespace leasehold::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds poll_interval{100};
constexpr std::chrono::seconds longest_silence(60);
constexpr int interrupted_exit = 130;

std::atomic<bool> interrupted = false;

void interrupt(int)
{
    interrupted = true;
}

std::optional<wall_time> time_of(const json& of, const char* member)
{
    const auto found = of.find(member);
    if (found == of.end() || !found->is_string()) return std::nullopt;
    return parse_rfc3339(found->get_ref<const std::string&>());
}

std::string duration_of(const json& of)
{
    const auto begun = time_of(of, "started_at");
    const auto ended = time_of(of, "finished_at");
    if (!begun || !ended) return {};
    return fmt::format(
        "{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(*ended - *begun).count()
    );
}

// Tells what changed since the last look.
class step_teller
{
public:
    explicit step_teller(const invocation& how) : how_(how) {}

    void tell(const json& operation)
    {
        const auto steps = operation.value("steps", json::array());
        for (const auto& step : steps) {
            const auto name = step.value("name", "");
            const auto state = step.value("state", "");
            if (state != "done" && state != "failed") continue;
            if (!told_.insert(name + " " + state).second) continue;
            const auto& why =
                step.contains("error") && step["error"].is_object() ? step["error"].value("detail", "") : "";
            note(
                how_,
                fmt::format(
                    "  {:<32} {:>10}{}",
                    name,
                    state == "done" ? duration_of(step) : state,
                    why.empty() || state == "done" ? "" : "  " + why
                )
            );
        }
        const auto waits = cell(operation, "waiting_for");
        if (operation.value("state", "") == "waiting" && told_.insert("waiting for " + waits).second) {
            note(how_, fmt::format("  waiting for {}", waits));
        }
    }

private:
    const invocation& how_;
    std::set<std::string> told_;
};

bool has_ended(const json& operation)
{
    const auto state = operation.value("state", "");
    return state == "succeeded" || state == "failed" || state == "cancelled";
}

int tell_end(const invocation& how, const json& operation)
{
    const auto state = operation.value("state", "");
    const auto id = operation.value("id", "");
    if (how.json) {
        print_json(operation);
    } else if (state == "succeeded") {
        note(how, fmt::format("{} {} in {}", operation.value("kind", ""), state, duration_of(operation)));
    }
    if (state == "succeeded") return 0;
    json problem = json::object();
    if (operation.contains("error") && operation["error"].is_object()) problem = operation["error"];
    const auto code = problem.value("code", state == "failed" ? "operation_failed" : "operation_cancelled");
    const auto detail = problem.value("detail", "operation " + id + " was " + state);
    if (!how.json) report_failure(error(error_kind::conflict, code, detail), false);
    if (state == "failed") note(how, fmt::format("  next:  leasehold operation retry {}", id));
    return 1;
}

// A control plane that restarts is no end of the operation: asked again for a minute.
json look_again(api& at, const invocation& how, const std::string& id)
{
    const auto patience = std::chrono::steady_clock::now() + longest_silence;
    for (bool told = false;; told = true) {
        try {
            return json::parse(at.get("/operations/" + id));
        } catch (const error& failed) {
            if (failed.kind() != error_kind::unavailable) throw;
            if (interrupted || std::chrono::steady_clock::now() > patience) throw;
            if (!told) note(how, "  the server does not answer; the operation goes on, asking again");
        }
        std::this_thread::sleep_for(10 * poll_interval);
    }
}

}  // namespace

int watch_operation(api& at, const invocation& how, json operation)
{
    std::signal(SIGINT, &interrupt);
    const auto until = std::chrono::steady_clock::now() + how.patience;
    const auto id = operation.at("id").get<std::string>();
    note(how, fmt::format("operation {} {}", id, operation.value("kind", "")));
    step_teller teller(how);
    for (;;) {
        teller.tell(operation);
        if (has_ended(operation)) return tell_end(how, operation);
        if (operation.value("state", "") == "waiting" && cell(operation, "waiting_for") == "grace") {
            if (how.json) print_json(operation);
            note(how, fmt::format("it goes on by itself; leasehold operation watch {}", id));
            return 0;
        }
        if (interrupted) {
            note(how, fmt::format("interrupted; the operation goes on: leasehold operation watch {}", id));
            return interrupted_exit;
        }
        if (std::chrono::steady_clock::now() > until) {
            const auto waits = cell(operation, "waiting_for");
            throw error(
                error_kind::timeout,
                "operation_unfinished",
                fmt::format("operation {} goes on{}", id, waits.empty() ? "" : "; it waits for " + waits)
            );
        }
        std::this_thread::sleep_for(poll_interval);
        operation = look_again(at, how, id);
    }
}

}  // namespace leasehold::cli
