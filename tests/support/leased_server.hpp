#pragma once

#include "scratch_broker.hpp"
#include "stack.hpp"

#include <leasehold/base/ids.hpp>
#include <leasehold/vault-client/identity.hpp>

#include <string>
#include <vector>

namespace leasehold::test {

// One PostgreSQL server of the stack behind one scratch broker, as provisioning leaves them (recipes B, E and
// F, no more than leases need): a broker login, a database config, and tenants with roles. All of it is
// removed at the end.
class leased_server
{
public:
    leased_server(scratch_broker& broker, const stack_server& server);
    ~leased_server();
    leased_server(const leased_server&) = delete;
    leased_server& operator=(const leased_server&) = delete;

    // A tenant with a database of its own.
    tenant_id add_tenant(vault_client::seconds term, vault_client::seconds max_term);
    // One more broker role on the placement of `like`: cheap, where many tenants are needed and none is
    // entered.
    tenant_id
    add_role_like(const tenant_id& like, vault_client::seconds term, vault_client::seconds max_term);

    // An AppRole that may read the creds of these tenants, renew, revoke: the router's. Its files lie in
    // `folder`.
    std::unique_ptr<vault_client::identity> make_router(
        const std::filesystem::path& folder,
        const std::vector<tenant_id>& tenants,
        vault_client::seconds token_period
    );

    [[nodiscard]] vault_client::broker_role role(const tenant_id& tenant) const;
    // The placement's database, as a login of the test's.
    [[nodiscard]] database::endpoint
    as(const tenant_id& tenant, const std::string& user, std::string_view password) const;
    // Login roles of this tenant's leases on the server.
    [[nodiscard]] int logins_of(const tenant_id& tenant) const;
    [[nodiscard]] const std::string& config() const noexcept { return name_; }

private:
    struct placement
    {
        tenant_id tenant;
        std::string database;
    };
    [[nodiscard]] const placement& placement_of(const tenant_id& tenant) const;
    void put_role(
        const tenant_id& tenant,
        const std::string& database,
        vault_client::seconds term,
        vault_client::seconds max
    );

    scratch_broker& broker_;
    const stack_server& server_;
    std::string name_;
    std::string broker_login_;
    std::vector<placement> placements_;
    int routers_ = 0;
};

}  // namespace leasehold::test
