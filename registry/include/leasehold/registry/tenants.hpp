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

enum class tier : std::uint8_t
{
    database,
    schema,
    server
};
std::string_view to_text(tier value) noexcept;
std::optional<tier> parse_tier(std::string_view text) noexcept;

// Where a tenant lives: coordinates, never a credential. `name` is P, from which the names of its roles come.
struct placement
{
    tenant_id tenant;
    std::int64_t generation = 0;
    server_id server;
    enum tier tier = tier::database;
    std::string name;
    std::string database;
    std::string schema;
    std::string state;  // current, target, retired
};

struct tenant
{
    tenant_id id;
    std::string tid;
    std::string slug;
    std::string name;
    std::string state;  // provisioning, active, suspended, moving, deleting, deleted, failed
    std::string edition;
    nlohmann::json limits;
    nlohmann::json settings;
    std::int64_t generation = 0;
    std::string created_by;
    wall_time created_at;
    std::optional<placement> where;  // current, else target
};

struct new_tenant
{
    tenant_id id;
    std::string slug;
    std::string name;
    std::string edition;
    nlohmann::json limits = nlohmann::json::object();
    nlohmann::json settings = nlohmann::json::object();
};

struct tenant_filter
{
    std::optional<std::string> state;
    std::optional<std::string> slug;
    std::optional<std::string> tid;
    std::optional<server_id> server;
};

// The catalog of tenants. All calls hop to the pool of the control plane's registry login; from any lane.
class tenants
{
public:
    explicit tenants(database::pool& pool) : pool_(pool) {}

    // Keyset pages by id. `only`: a tenant-scoped caller sees itself alone.
    task<std::vector<tenant>> list(tenant_filter filter, std::optional<tenant_id> after, int limit);
    task<tenant> get(tenant_id id);  // not_found tenant_not_found
    task<std::optional<tenant>> find_by_slug(std::string slug);

    // Inserts the tenant (state provisioning) and its operation in one transaction, under the license lock.
    // Errors: conflict slug_taken; unlicensed license_tenant_limit when `max_tenants` are there already
    // (absent: not counted). Returns the operation's id.
    task<operation_id> create(
        principal who,
        new_tenant what,
        nlohmann::json operation_parameters,
        std::optional<std::int64_t> max_tenants
    );

    // Moves the state machine, with its audit event; a tenant that is there already stays as it is. Returns
    // the tenant's generation, and the change id that routers must reach. Errors: not_found tenant_not_found,
    // conflict tenant_state.
    struct moved
    {
        std::int64_t generation = 0;
        std::int64_t change = 0;
    };
    task<moved> transition(
        principal who,
        tenant_id id,
        std::vector<std::string> from,
        std::string to,
        std::string action,
        nlohmann::json detail = nlohmann::json::object()
    );

    // Placements. reserve is idempotent per tenant while its newest placement is a target: the same row comes
    // back.
    task<placement> reserve(principal who, tenant_id id, server_id server, enum tier tier);
    task<std::vector<placement>> placements(tenant_id id);
    // Placement current and tenant active, in one transaction, with audit.
    task<moved> publish(principal who, tenant_id id, std::int64_t placement_generation);
    // Removes the rows of a placement that never became current, or of a deleted tenant.
    task<void> forget_placement(principal who, tenant_id id, std::int64_t placement_generation);
    // Deletion, registry part: domains, keys, tokens and hosts of the tenant. Returns rows removed per store.
    task<nlohmann::json> remove_routes(principal who, tenant_id id);

    // What a tenant's chain stands at.
    task<void> record_schema(tenant_id id, int version, int contract_version, std::string checksum);

    task<std::int64_t> count();  // all but deleted

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
