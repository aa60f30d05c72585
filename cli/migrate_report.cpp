#include "migrate_report.hpp"

#include "output.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {

void migrate_report::chain_done(
    const std::string& chain, const migrations::applied& done, std::chrono::milliseconds took
)
{
    const std::lock_guard lock(mutex_);
    if (how_.json) {
        print_json(
            {{"event", "chain"},
             {"chain", chain},
             {"before", done.version_before},
             {"after", done.version_after},
             {"files", done.files},
             {"ms", took.count()}}
        );
    } else if (done.files == 0) {
        print(fmt::format("{:<8}  {:04}  current", chain, done.version_after));
    } else {
        const auto change = fmt::format("{:04} → {:04}", done.version_before, done.version_after);
        print(fmt::format("{:<8}  {:04}  {:<40}  {} ms", chain, done.version_after, change, took.count()));
    }
}

void migrate_report::no_tenants(const migrations::chain& ours)
{
    const std::lock_guard lock(mutex_);
    if (how_.json) {
        print_json(
            {{"event", "summary"},
             {"chain", "tenant"},
             {"version", ours.version()},
             {"current", 0},
             {"migrated", 0},
             {"failed", 0}}
        );
    } else {
        print(fmt::format("{:<8}  {:04}  no tenant yet", "tenant", ours.version()));
    }
}

void migrate_report::templates(int built, int all)
{
    const std::lock_guard lock(mutex_);
    if (how_.json) {
        print_json({{"event", "templates"}, {"built", built}, {"all", all}});
    } else {
        note(how_, fmt::format("  templates {}/{}", built, all));
    }
}

void migrate_report::remark(const std::string& text)
{
    const std::lock_guard lock(mutex_);
    note(how_, text);
}

void migrate_report::planned(const migrations::chain& ours, std::int64_t current, std::int64_t pending)
{
    const std::lock_guard lock(mutex_);
    pending_ = pending;
    if (how_.json) {
        print_json(
            {{"event", "plan"},
             {"chain", "tenant"},
             {"version", ours.version()},
             {"current", current},
             {"pending", pending}}
        );
    } else if (pending != 0) {
        note(
            how_,
            fmt::format("{:<8}  {:04}  {} to do, {} current", "tenant", ours.version(), pending, current)
        );
    }
}

void migrate_report::target_done(
    const migrations::target& which, const migrations::applied& done, std::chrono::milliseconds took
)
{
    const std::lock_guard lock(mutex_);
    ++ended_;
    if (how_.json) {
        print_json(
            {{"event", "target"},
             {"tenant", which.slug},
             {"tid", which.tid},
             {"server", which.server_name},
             {"database", which.database},
             {"before", done.version_before},
             {"after", done.version_after},
             {"ms", took.count()}}
        );
    } else if (shows_progress_) {
        note(
            how_,
            fmt::format(
                "  [{}/{}] {:<24} {:<12} {:04} → {:04}  {} ms",
                ended_,
                pending_,
                which.slug,
                which.server_name,
                done.version_before,
                done.version_after,
                took.count()
            )
        );
    }
}

void migrate_report::target_failed(const migrations::target& which, const std::exception& why, int attempts)
{
    const auto* known = dynamic_cast<const error*>(&why);
    const std::string code = known != nullptr ? known->code() : "internal";
    const std::string detail = known != nullptr ? known->detail() : why.what();
    const std::lock_guard lock(mutex_);
    ++ended_;
    if (how_.json) {
        print_json(
            {{"event", "target"},
             {"tenant", which.slug},
             {"tid", which.tid},
             {"server", which.server_name},
             {"database", which.database},
             {"code", code},
             {"detail", detail},
             {"attempts", attempts}}
        );
    } else {
        note(
            how_,
            fmt::format(
                "  [{}/{}] {:<24} {:<12} FAILED after {} attempts: {} ({})",
                ended_,
                pending_,
                which.slug,
                which.server_name,
                attempts,
                detail,
                code
            )
        );
    }
}

void migrate_report::summary(
    const migrations::chain& ours, const migrations::fleet_result& result, std::chrono::milliseconds took
)
{
    const std::lock_guard lock(mutex_);
    if (how_.json) {
        print_json(
            {{"event", "summary"},
             {"chain", "tenant"},
             {"version", ours.version()},
             {"current", result.current},
             {"migrated", result.migrated},
             {"failed", result.failed},
             {"stopped", result.stopped},
             {"ms", took.count()}}
        );
    } else if (result.migrated == 0 && result.failed == 0 && !result.stopped) {
        print(fmt::format("{:<8}  {:04}  current ({})", "tenant", ours.version(), result.current));
    } else {
        auto text = fmt::format("{} migrated, {} current", result.migrated, result.current);
        if (result.failed != 0) text += fmt::format(", {} FAILED", result.failed);
        if (result.stopped) text += ", stopped before the end";
        print(fmt::format("{:<8}  {:04}  {:<40}  {} ms", "tenant", ours.version(), text, took.count()));
    }
}

}  // namespace leasehold::cli
