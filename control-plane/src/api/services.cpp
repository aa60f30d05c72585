#include "api/services.hpp"

#include <leasehold/base/error.hpp>

namespace leasehold::control_plane {

void services::refuse_when_collapsed() const
{
    if (multitenant) return;
    throw error(
        error_kind::conflict,
        "multitenancy_disabled",
        "this installation serves one tenant: multitenancy.enabled is false"
    );
}

}  // namespace leasehold::control_plane
