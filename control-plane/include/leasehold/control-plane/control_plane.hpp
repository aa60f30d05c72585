#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/license.hpp>
#include <leasehold/http/server.hpp>

#include <functional>
#include <memory>
#include <string>

namespace leasehold::control_plane {

struct control_plane_settings
{
    std::string version;
    bool development = false;
    address router;              // where tenant data is read
    std::string router_ca_file;  // who signed the router's certificate; empty: it has none
    const clock_source* clock = &real_clock();
};

// How a reload of this process ended.
struct reload_report
{
    wall_time at;
    config_changes changes;
    std::string refused;  // why nothing was taken; empty: it was
};

// HTTP API, operation workers, sweeper, license watch: one lane and its workers. Made, started and stopped by
// the main thread.
class control_plane
{
public:
    // Makes the HMAC check, the bootstrap owner key where the registry has none yet, and binds the listener.
    // Errors: unavailable database_unavailable; conflict schema_behind, schema_ahead, hmac_key_mismatch;
    // file_exists (bootstrap_file_exists); conflict address_in_use.
    control_plane(const config& values, const hmac_keys& secrets, control_plane_settings settings);
    ~control_plane();

    void start();
    void drain(std::chrono::milliseconds patience);
    [[nodiscard]] const address& bound() const noexcept;
    // Registry reachable, workers running. Any thread.
    [[nodiscard]] bool is_ready() const noexcept;
    // Reads what the keys [r] of `next` name, and sees that `fresh_keys` belong to the installation. The
    // answer, called once from the same thread, takes them and returns when requests that begin then go by
    // them; the license is looked at. Errors: invalid tls_files_unusable, secret_file_*; conflict
    // hmac_key_mismatch; unavailable (registry, only where the keys are others).
    [[nodiscard]] std::function<void()>
    prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys);
    // What GET /api/v1/status says of the last reload from now on.
    void note_reload(reload_report what);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::control_plane
