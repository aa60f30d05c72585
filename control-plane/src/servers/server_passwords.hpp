#pragma once

#include "servers/base_database.hpp"

#include <leasehold/base/secret.hpp>
#include <leasehold/vault-client/broker.hpp>

#include <map>
#include <optional>
#include <string>

namespace leasehold::control_plane::servers {

// The passwords of a server's two logins while it is prepared, as they are kept at the broker: `next` and
// then `current` of the provisioner; `broker` only until the broker has changed it to one that nobody else
// knows.
class server_passwords
{
public:
    // What is kept already is taken, the rest made. `has_config`: the broker has been told its own.
    server_passwords(std::optional<vault_client::kv_entry> kept, bool has_config);

    [[nodiscard]] const secret<std::string>& provisioner() const;
    [[nodiscard]] const secret<std::string>* broker() const;  // null: the broker's own affair by now
    [[nodiscard]] bootstrap_verifiers verifiers() const;

    // The provisioner has logged in with it.
    void promote();
    // The broker has changed its own.
    void forget_broker();

    // For the broker's check-and-set.
    [[nodiscard]] const std::map<std::string, secret<std::string>>& entry() const { return entry_; }
    [[nodiscard]] int version() const { return version_; }
    void kept(int version) { version_ = version; }

private:
    std::map<std::string, secret<std::string>> entry_;
    int version_ = 0;
    bool has_config_;
};

}  // namespace leasehold::control_plane::servers
