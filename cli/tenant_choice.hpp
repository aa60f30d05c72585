#pragma once

#include "api.hpp"

#include <string>

namespace leasehold::cli {

struct chosen_tenant
{
    std::string id;
    std::string slug;  // empty where it was named by id
};

// The tenant of a command: `named` (id, slug or tid), else --tenant, else the one that the key belongs to.
// What was found is printed on stderr. Errors: invalid "usage" where none is named; not_found
// tenant_not_found; forbidden tenant_access_denied.
chosen_tenant choose_tenant(api& at, const invocation& how, const std::string& named = {});

}  // namespace leasehold::cli
