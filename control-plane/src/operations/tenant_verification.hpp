#pragma once

#include "operations/facilities.hpp"
#include "tenant_data.hpp"

#include <leasehold/registry/tokens.hpp>

#include <string>
#include <vector>

namespace leasehold::control_plane::operations {

struct verification_report
{
    std::string slug;
    std::string tid;
    std::string database;
    std::string route;   // ok, or what is wrong
    std::string lease;   // ok, or what is wrong
    std::string marker;  // ok, or what is wrong
    std::int64_t registry_hosts = 0;
    std::int64_t database_hosts = 0;
    std::int64_t missing = 0;  // in the registry, not in the database
    std::int64_t orphan = 0;   // in the database, not in the registry
    std::int64_t foreign = 0;  // in the database, but another tenant's in the registry
    std::vector<std::string> problems;
};

// Tries whether a tenant's data lands where it should: through the router with a ticket, and straight on the
// server with a lease of the provisioner; both must be in the same database with the same hosts, and
// PostgreSQL itself must refuse that lease in another tenant's database (where there is one). Changes
// nothing. On the control plane's lane.
class tenant_verification
{
public:
    tenant_verification(
        facilities* with, registry::tenants& tenants, registry::hosts& hosts, tenant_data& data
    )
        : with_(with)
        , tenants_(tenants)
        , hosts_(hosts)
        , data_(data)
    {}
    task<verification_report> verify(tenant_id tenant, registry::principal who);

private:
    using host_texts = std::vector<std::string>;
    task<void> look_through_router(
        tenant_id tenant,
        registry::principal who,
        const std::string& marker,
        host_texts& seen,
        verification_report& into
    );
    task<void> look_with_lease(const facilities::place& at, verification_report& into);
    task<void> count_hosts(tenant_id tenant, const host_texts& seen, verification_report& into);

    facilities* with_;  // null in single-tenant mode: no broker, no lease
    registry::tenants& tenants_;
    registry::hosts& hosts_;
    tenant_data& data_;
};

}  // namespace leasehold::control_plane::operations
