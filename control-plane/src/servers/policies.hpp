#pragma once

#include <leasehold/vault-client/broker.hpp>

#include <string>

namespace leasehold::control_plane::servers {

// What the router's identity may do at the broker: read credentials of the classes it lends, renew and revoke
// what it was given.
std::string router_policy(const vault_client::broker_mounts& at);
// What the provisioner may: broker roles, their credentials and leases, receipts, its own passwords.
std::string provisioner_policy(const vault_client::broker_mounts& at);

}  // namespace leasehold::control_plane::servers
