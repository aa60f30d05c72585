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

// A PostgreSQL server that holds tenant databases.
struct server
{
    server_id id;
    std::string name;
    std::vector<std::string> addresses;  // host:port
    std::string sslmode = "verify-full";
    std::string ca;  // PEM
    std::string region;
    std::string jurisdiction;
    std::optional<std::string> broker_config;
    std::int64_t max_tenants = 1000;
    std::int64_t connection_budget = 0;
    std::vector<std::string> accepted;
    std::string state = "offline";
    std::string version;
    nlohmann::json preflight = nlohmann::json::object();
    std::optional<wall_time> preflight_at;
    std::int64_t tenants = 0;  // placements on it
};

class servers
{
public:
    explicit servers(database::pool& pool) : pool_(pool) {}

    task<std::vector<server>> list();
    task<server> get(server_id id);  // not_found server_not_found
    // By name: inserts, or updates what bootstrap decides (addresses, ca, region, jurisdiction, budget,
    // accepted). Audited.
    task<server_id> upsert(principal who, server what);
    // `state` is active or offline; a server that is full or draining only becomes offline by it.
    task<void> store_preflight(
        principal who, server_id id, nlohmann::json findings, std::string version, std::string state
    );

    // Writes down that this server has a template of the chain; it was looked at.
    task<void> template_ready(server_id id, std::string checksum, std::string database);
    // Databases of this server's templates but the last two.
    task<std::vector<std::string>> superseded_templates(server_id id);
    task<void> forget_template(server_id id, std::string database);

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
