#pragma once

#include "readiness_check.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/database/pool.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace leasehold::cli {

// What a serving process leans on, asked anew for each verdict of /readyz: the registry by a login of the
// process's own, and the broker. A router goes on serving without either, so they only degrade it; a control
// plane alone is nothing without the registry. Thread: one lane at a time for look().
class dependencies
{
public:
    dependencies(const config& values, bool has_router, bool has_control_plane);
    ~dependencies();
    dependencies(const dependencies&) = delete;
    dependencies& operator=(const dependencies&) = delete;

    task<std::vector<readiness_check>> look();
    // Reads the login's file. The answer, called where look() is, asks those that `next` names.
    [[nodiscard]] std::function<void()> prepare_reload(std::shared_ptr<const config> next);

private:
    task<readiness_check> look_at_registry();
    task<readiness_check> look_at_broker() const;

    vault_config vault_;
    bool has_router_;
    bool has_control_plane_;
    database::pool registry_;
};

}  // namespace leasehold::cli
