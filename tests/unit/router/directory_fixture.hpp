#pragma once

#include "test_license.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/router/directory.hpp>

#include <string>

namespace leasehold::router::test {

inline tenant_record make_tenant(const std::string& slug)
{
    tenant_record made;
    made.id = tenant_id::random();
    made.tid = tid::of(made.id).text();
    made.slug = slug;
    made.name = slug;
    made.state = tenant_state::active;
    placement_record where;
    where.server = server_id::random();
    where.generation = 1;
    where.tier = "database";
    where.name = "t_" + made.tid + "_1";
    where.database = where.name;
    where.schema = "public";
    made.placement = where;
    return made;
}

inline directory_change change_of(const tenant_record& tenant)
{
    directory_change change;
    change.tenants[tenant.id] = tenant;
    return change;
}

class any_directory : public fleet_directory
{
public:
    any_directory() : fleet_directory(leasehold::test::verified_fleet(), "example.net") {}
};

}  // namespace leasehold::router::test
