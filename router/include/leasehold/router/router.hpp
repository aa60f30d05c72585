#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/base/task.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::router {

namespace agents {
class gateway_ports;
}  // namespace agents

// One line of /readyz.
struct readiness_fact
{
    std::string name;  // directory, registry, license, leases, lanes
    bool is_ready = false;
    std::string detail;  // for people; no secret
};

struct router_settings
{
    router_settings() = default;

    std::string version;          // of the binary, for registry_router
    bool is_development = false;  // which license keys count
    const clock_source* clock = &real_clock();
    metrics* into = &process_metrics();
    // Which keys a license may be signed with; empty: those compiled in.
    std::optional<license_keys> license_signers;
    std::chrono::milliseconds license_interval{60000};  // between two looks at the license
    std::chrono::milliseconds poll_interval{500};       // of the change feed
};

// A router: directory with its feed, front lanes, relay lanes, leases, listener. Everything it has comes from
// `tenancy`: without a verified license there is room for one tenant and no broker.
// Made, started, drained and destroyed by one thread that is no lane of it; readiness() and the rest: any
// thread. What the references name outlives it.
class router
{
public:
    router(
        tenancy how, const config& values, const hmac_keys& keys, router_settings settings = router_settings()
    );
    ~router();  // drain() at once, if it was not called
    router(const router&) = delete;
    router& operator=(const router&) = delete;

    // Registers with the registry, opens the listeners, begins to load the directory. Blocks until the
    // listeners are open; logins are answered `directory_loading` until the directory is there. Errors:
    // unavailable "database_unavailable" (registry), conflict "address_in_use", invalid "tls_files_unusable".
    void start();
    // Readiness is false from here on; listeners close, sessions end within `limits.drain_timeout`, leases
    // are given back, the row in registry_router is removed. Blocks. Safe to call twice.
    void drain();

    // As bound: port 0 of the configuration is the real one here.
    [[nodiscard]] std::vector<address> listening() const;
    // Waits until the directory is loaded. False: not within `patience`.
    bool wait_loaded(std::chrono::milliseconds patience);
    [[nodiscard]] std::vector<readiness_fact> readiness() const;
    [[nodiscard]] license_state license() const;
    [[nodiscard]] const router_id& id() const noexcept;
    // Reads what the keys [r] of `next` name, and sees that `fresh_keys` belong to the installation. The
    // answer, called once, takes them all and returns when every front lane has them: logins that begin then
    // go by them; sessions that are there stay, under the new limits of their pools. Errors: invalid
    // "tls_files_unusable", secret_file_*; conflict "hmac_key_mismatch"; unavailable (registry, only where
    // the keys are others).
    [[nodiscard]] std::function<void()>
    prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys);

    // For what speaks to tenants' databases on the platform's behalf (the agent gateway): ports of the first
    // front lane, to be used on that lane alone (gateway_ports::context()). Valid until drain().
    [[nodiscard]] agents::gateway_ports& gateway();
    // Called by drain() on the calling thread after the listeners have closed and before sessions are cut.
    void on_drain(std::function<void()> call);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::router
