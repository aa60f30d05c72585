#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/migrations/chain.hpp>

namespace leasehold::migrations {

// The tenant chain as this installation configures it: built in, extended by migrations.tenant_dir, or
// replaced by it.
chain tenant_chain_of(const migrations_config& from);

}  // namespace leasehold::migrations
