#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/database/session.hpp>

namespace leasehold::registry {

// Where the registry is and as whom, from the configuration; reads the login's password file.
// Errors (invalid): secret_file_*.
database::endpoint endpoint_of(const registry_config& from, const database_login& login);

// The shared partition: its own database where one is configured, else the registry's.
database::endpoint shared_endpoint_of(const registry_config& registry, const shared_config& from);

}  // namespace leasehold::registry
