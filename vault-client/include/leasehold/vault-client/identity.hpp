#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/vault-client/broker.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace leasehold::vault_client {

// How one identity proves itself to the broker. One class per auth method.
class identity
{
public:
    virtual ~identity() = default;
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;  // "router", "provisioner"
    // A fresh token. Files are read again each time. One exchange. Errors: vault_client::error
    // (login_refused), secret_file_*.
    virtual task<token_grant> login(broker& at) = 0;
    // The files of later logins; the method stays.
    virtual void use_files(const broker_identity_config& from) = 0;
    // Whether the token was made for this process alone, so that its end may revoke it.
    [[nodiscard]] virtual bool owns_token() const noexcept = 0;
};

// AppRole: role_id and secret_id from two files.
std::unique_ptr<identity> create_approle_identity(
    std::string name,
    std::string mount,
    std::filesystem::path role_id_file,
    std::filesystem::path secret_id_file
);
// A token somebody else made and keeps in a file (development, sidecars). Never revoked by us.
std::unique_ptr<identity> create_token_identity(std::string name, std::filesystem::path token_file);
// By the configuration's block; errors: invalid "config_invalid" for an unknown method.
std::unique_ptr<identity> create_identity(std::string name, const broker_identity_config& from);

}  // namespace leasehold::vault_client
