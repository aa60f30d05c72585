#pragma once

#include "dependencies.hpp"
#include "probes.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/control-plane/control_plane.hpp>
#include <leasehold/router/agents/gateway.hpp>
#include <leasehold/router/router.hpp>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::cli {

enum class serve_role : std::uint8_t
{
    all,
    control_plane,
    router
};

// The parts of one serving process, in the order of their lives: metrics listener, router, agent gateway,
// control plane; drained the other way round. Made, started, reloaded and drained by the main thread.
class serving
{
public:
    // Starts everything; what fails takes down again what had begun. `how` is there where the role has a
    // router.
    serving(
        const config& values, hmac_keys keys, serve_role role, std::optional<tenancy> how, bool development
    );
    ~serving();
    serving(const serving&) = delete;
    serving& operator=(const serving&) = delete;

    // Readiness 503; the API's requests and operations, then the agents', then sessions; leases and rows
    // given back.
    void drain();
    // Takes the keys [r] of `fresh`, reads every file they name again, and says what the others would need.
    // Every part has read and checked its own before the first takes anything. Errors: config_invalid, and
    // those of the parts; then nothing has changed.
    config_changes reload(const config& fresh);
    // What GET /api/v1/status tells, where this process has the API.
    void note_reload(control_plane::reload_report what);

private:
    void start_router(tenancy how);
    void start_control_plane();
    [[nodiscard]] address router_for_control_plane() const;
    task<std::vector<readiness_check>> look();

    config values_;  // the main thread's
    hmac_keys keys_;
    bool development_;
    std::unique_ptr<router::router> router_;
    std::unique_ptr<router::agents::gateway> gateway_;
    std::unique_ptr<control_plane::control_plane> control_plane_;
    dependencies dependencies_;
    std::unique_ptr<probes> probes_;  // asks the others: gone before them
};

}  // namespace leasehold::cli
