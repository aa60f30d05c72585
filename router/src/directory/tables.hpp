#pragma once

#include "directory/sharded_map.hpp"

#include <leasehold/router/directory.hpp>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::router {

// What a directory holds. Names lead to ids, ids to records.
struct directory::tables
{
    sharded_map<tenant_id, tenant_record> tenants;
    sharded_map<std::string, tenant_id> slugs;
    sharded_map<std::string, tenant_id> tids;
    sharded_map<std::string, tenant_id> databases;
    sharded_map<std::string, domain_record> domains;
    sharded_map<key_id, key_record> keys;
    sharded_map<host_id, host_record> hosts;
    sharded_map<token_id, token_record> tokens;
    std::map<server_id, std::shared_ptr<const server_record>> servers;  // few

    std::string domain_suffix;  // empty: none
    installation_id installation;
    std::int64_t applied_change = 0;

    [[nodiscard]] const tenant_record* of(const tenant_id* id) const noexcept
    {
        return id == nullptr ? nullptr : tenants.find(*id);
    }
};

}  // namespace leasehold::router
