#pragma once

#include "licensing.hpp"
#include "operations/runner.hpp"
#include "tenant_data.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/control-plane/control_plane.hpp>
#include <leasehold/registry/installation.hpp>
#include <leasehold/registry/keys.hpp>
#include <leasehold/registry/operations.hpp>
#include <leasehold/registry/servers.hpp>
#include <leasehold/registry/tenants.hpp>
#include <leasehold/registry/tokens.hpp>

#include <functional>
#include <optional>
#include <string>

namespace leasehold::control_plane {

// What the API's resources share. Owned by the control plane; used on its lane.
struct services
{
    const config& values;
    const hmac_keys& secrets;
    registry::tenants& tenants;
    registry::servers& servers;
    registry::operations& operations;
    registry::keys& keys;
    registry::tokens& tokens;
    registry::hosts& hosts;
    registry::installation& installation;
    licensing& license;
    tenant_data& data;
    std::function<void()> work_began;  // wakes the operation workers
    std::string version;
    std::string cursor_key;  // subkey of the cursors' HMAC
    bool multitenant = false;
    std::optional<reload_report> last_reload;

    void refuse_when_collapsed() const;  // conflict multitenancy_disabled
};

}  // namespace leasehold::control_plane
