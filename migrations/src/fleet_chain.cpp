#include <leasehold/migrations/fleet_chain.hpp>

namespace leasehold::migrations {

chain tenant_chain_of(const migrations_config& from)
{
    if (from.tenant_dir.empty()) return tenant_chain();
    return tenant_chain().with_folder(from.tenant_dir, from.tenant_mode == "replace");
}

}  // namespace leasehold::migrations
