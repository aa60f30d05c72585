#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/database/pool.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::registry {

// A tenant whose chain is not current.
struct pending_target
{
    tenant_id tenant;
    std::string tid;
    std::string slug;
    server_id server;
    std::string server_name;
    std::string database;
    std::string schema;
    std::int64_t generation = 0;
};

struct fleet_counts
{
    std::int64_t current = 0;
    std::int64_t pending = 0;
};

// What a fan-out of migrations reads and writes in the registry, by the migrate login. Blocking; any thread,
// one at a time each.
class fleet
{
public:
    explicit fleet(database::pool& pool) : pool_(pool) {}

    fleet_counts count(const std::string& checksum);
    std::vector<pending_target> page(const std::string& checksum, std::optional<tenant_id> after, int limit);
    // A tenant's chain stands at this now; the change feed tells the routers.
    void record_tenant(tenant_id tenant, int version, int contract_version, const std::string& checksum);
    // The same of the partitions registry and shared.
    void record_partition(
        const std::string& chain, int version, int contract_version, const std::string& checksum
    );
    std::string installation();
    std::optional<std::string> license_document();
    std::int64_t tenants();

    // How the registry's own server is reached, in collapsed mode.
    struct own_server
    {
        std::vector<std::string> addresses;
        std::string sslmode;
        std::string ca;  // PEM; empty: the system's
    };
    // Collapsed mode: the one server, tenant and placement, made where missing; and the services' rights on
    // the tenant tables.
    void ensure_collapsed(const std::string& database, const own_server& server);
    void grant_collapsed();

private:
    database::pool& pool_;
};

// Id of the one tenant of collapsed mode, the same in every installation.
tenant_id collapsed_tenant();

}  // namespace leasehold::registry
