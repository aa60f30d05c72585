#pragma once

#include "invocation.hpp"

#include <leasehold/migrations/fleet.hpp>

#include <atomic>
#include <mutex>
#include <string>

namespace leasehold::cli {

// What `migrate` tells: results on stdout, progress on stderr; with --json one object per line on stdout. Any
// thread.
class migrate_report final : public migrations::event_sink
{
public:
    migrate_report(const invocation& how, bool shows_progress) : how_(how), shows_progress_(shows_progress) {}

    void
    chain_done(const std::string& chain, const migrations::applied& done, std::chrono::milliseconds took);
    void no_tenants(const migrations::chain& ours);
    void templates(int built, int all);
    void remark(const std::string& text);
    void summary(
        const migrations::chain& ours, const migrations::fleet_result& result, std::chrono::milliseconds took
    );

    void planned(const migrations::chain& ours, std::int64_t current, std::int64_t pending) override;
    void target_done(
        const migrations::target& which, const migrations::applied& done, std::chrono::milliseconds took
    ) override;
    void target_failed(const migrations::target& which, const std::exception& why, int attempts) override;

private:
    const invocation& how_;
    bool shows_progress_;
    std::mutex mutex_;
    std::int64_t pending_ = 0;
    std::int64_t ended_ = 0;
};

}  // namespace leasehold::cli
