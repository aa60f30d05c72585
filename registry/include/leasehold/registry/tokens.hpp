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

struct enrollment_token
{
    token_id id;
    tenant_id tenant;
    std::string label;
    wall_time expires_at;
    std::int64_t max_uses = 1;
    std::int64_t uses = 0;
    std::string approval = "auto";
    std::optional<std::string> cidr;
    nlohmann::json tags = nlohmann::json::object();
    std::string created_by;
    wall_time created_at;
    std::optional<wall_time> last_used_at;
    std::optional<wall_time> revoked_at;
};

class tokens
{
public:
    explicit tokens(database::pool& pool) : pool_(pool) {}

    task<void> create(principal who, enrollment_token what, std::string secret_hmac, int max_tokens);
    task<std::vector<enrollment_token>> list(tenant_id tenant, std::optional<token_id> after, int limit);
    task<enrollment_token> get(tenant_id tenant, token_id id);  // not_found token_not_found
    // Stops new enrollments; `with_hosts` revokes the hosts that joined with it as well. Returns the hosts
    // that joined.
    task<std::int64_t> revoke(principal who, tenant_id tenant, token_id id, bool with_hosts);

private:
    database::pool& pool_;
};

struct host
{
    host_id id;
    tenant_id tenant;
    std::string name;
    std::string state;
    std::int64_t generation = 0;
    std::optional<wall_time> enrolled_at;
    std::optional<wall_time> last_seen_at;
};

// The registry's side of hosts: identity and state. What a host tells lies in its tenant's database.
class hosts
{
public:
    explicit hosts(database::pool& pool) : pool_(pool) {}

    task<std::vector<host>> list(tenant_id tenant, std::optional<host_id> after, int limit);
    task<std::vector<host_id>> ids(tenant_id tenant);
    // How many of these belong to other tenants.
    task<std::int64_t> count_of_others(tenant_id tenant, std::vector<host_id> ids);
    task<host> get(tenant_id tenant, host_id id);  // not_found host_not_found
    // conflict host_state where `from` does not hold. Returns the change id routers must reach.
    task<std::int64_t> set_state(
        principal who,
        tenant_id tenant,
        host_id id,
        std::vector<std::string> from,
        std::string to,
        std::string action
    );

private:
    database::pool& pool_;
};

}  // namespace leasehold::registry
