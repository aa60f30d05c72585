#pragma once

#include "invocation.hpp"

#include <string>

namespace leasehold::cli {

// The table of `tenant verify`: one row per tenant. 0: all are as they should be; 1: one is not.
int verify_tenants(const invocation& how, const std::string& tenant, bool all);

}  // namespace leasehold::cli
