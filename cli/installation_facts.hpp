#pragma once

#include "license_gate.hpp"

#include <leasehold/base/config.hpp>

namespace leasehold::cli {

// What a process must know of its installation before it opens a listener.
struct installation_facts
{
    license_facts license;
    bool is_new = false;  // nobody has started with an HMAC key yet
};

// By the control plane's registry login. Blocks. Errors: unavailable database_unavailable; conflict
// schema_behind where `leasehold migrate` has never run.
installation_facts load_installation(const config& values);
// The same by the router's login, which sees no tenants to count.
installation_facts load_installation_as_router(const config& values);

}  // namespace leasehold::cli
