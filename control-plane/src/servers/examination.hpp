#pragma once

#include "servers/access.hpp"
#include "servers/preflight.hpp"

namespace leasehold::control_plane::servers {

// A whole preflight of a server: a probe lease that logs in and is revoked while connected, the hardening of
// what databases are copied from, a login without TLS, and the catalog. Takes no superuser. `maintenance` is
// the provisioner's; it is used on `workers` alone.
task<std::vector<finding>> examine(
    database::session& maintenance,
    registry::server at,
    access& by,
    vault_client::broker& broker,
    worker_pool& workers
);

}  // namespace leasehold::control_plane::servers
