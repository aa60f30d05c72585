#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/database/pool.hpp>
#include <leasehold/registry/principal.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace leasehold::registry {

struct live_router
{
    router_id id;
    std::string role;
    std::string address;
    std::string version;
    std::int64_t applied_change = 0;
    wall_time seen_at;
};

// What concerns the installation as a whole: its id, settings, the installed license, the live processes,
// schema state.
class installation
{
public:
    explicit installation(database::pool& pool) : pool_(pool) {}

    task<installation_id> id();
    task<std::optional<nlohmann::json>> setting(std::string key);
    task<void> set_setting(principal who, std::string key, nlohmann::json value);
    // Stores the fingerprints of the first key an installation is started with; later ones must match one of
    // them. Errors: conflict hmac_key_mismatch.
    task<void> check_hmac_fingerprints(principal who, std::vector<std::string> fingerprints);

    task<std::optional<std::string>> license_document();
    task<void> store_license(principal who, std::string document, nlohmann::json claims);

    task<std::vector<live_router>> routers();
    // Live routers that have not applied `change` yet.
    task<std::vector<live_router>> routers_behind(std::int64_t change);
    // The change feed keeps a day; who is further behind reads everything anew.
    task<void> prune_changes();

    // What a chain of this partition stands at, as the engine last recorded it.
    struct schema_state
    {
        std::string chain;
        std::int64_t version = 0;
        std::string checksum;
    };
    task<std::vector<schema_state>> schema_states();

    task<std::optional<std::int64_t>> verify_audit();  // first broken id

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
