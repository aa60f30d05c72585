#include <leasehold/base/file.hpp>
#include <leasehold/vault-client/identity.hpp>

namespace leasehold::vault_client {
namespace {

class approle_identity final : public identity
{
public:
    approle_identity(
        std::string name, std::string mount, std::filesystem::path role_id, std::filesystem::path secret_id
    )
        : name_(std::move(name))
        , mount_(mount)
        , role_id_file_(std::move(role_id))
        , secret_id_file_(std::move(secret_id))
    {}

    const std::string& name() const noexcept override { return name_; }
    bool owns_token() const noexcept override { return true; }
    void use_files(const broker_identity_config& from) override
    {
        role_id_file_ = from.role_id_file;
        secret_id_file_ = from.secret_id_file;
    }

    task<token_grant> login(broker& at) override
    {
        // Two small local files, once per login: read where the login happens, so that a rotated file is
        // always seen.
        const auto role_id = load_secret_line(role_id_file_);
        const auto secret_id = load_secret_line(secret_id_file_);
        auto grant = co_await at.login_approle(mount_, std::string(role_id.reveal()), secret_id);
        co_return grant;
    }

private:
    std::string name_;
    mount_name mount_;
    std::filesystem::path role_id_file_;
    std::filesystem::path secret_id_file_;
};

class token_identity final : public identity
{
public:
    token_identity(std::string name, std::filesystem::path file)
        : name_(std::move(name))
        , token_file_(std::move(file))
    {}

    const std::string& name() const noexcept override { return name_; }
    bool owns_token() const noexcept override { return false; }
    void use_files(const broker_identity_config& from) override { token_file_ = from.token_file; }

    task<token_grant> login(broker& at) override
    {
        auto token = std::make_shared<secret<std::string>>(load_secret_line(token_file_));
        at.use_token(token);
        const auto facts = co_await at.lookup_self();
        token_grant grant;
        grant.token = token->clone();
        grant.policies = facts.policies;
        grant.ttl = facts.ttl;
        grant.renewable = facts.renewable;
        grant.orphan = facts.orphan;
        grant.is_service = facts.is_service;
        grant.uses = facts.uses;
        grant.asked_at = facts.asked_at;
        co_return grant;
    }

private:
    std::string name_;
    std::filesystem::path token_file_;
};

}  // namespace

std::unique_ptr<identity> create_approle_identity(
    std::string name,
    std::string mount,
    std::filesystem::path role_id_file,
    std::filesystem::path secret_id_file
)
{
    return std::make_unique<approle_identity>(
        std::move(name), std::move(mount), std::move(role_id_file), std::move(secret_id_file)
    );
}

std::unique_ptr<identity> create_token_identity(std::string name, std::filesystem::path token_file)
{
    return std::make_unique<token_identity>(std::move(name), std::move(token_file));
}

std::unique_ptr<identity> create_identity(std::string name, const broker_identity_config& from)
{
    if (from.method == "approle") {
        return create_approle_identity(std::move(name), from.mount, from.role_id_file, from.secret_id_file);
    }
    if (from.method == "token") return create_token_identity(std::move(name), from.token_file);
    throw leasehold::error(
        error_kind::invalid,
        "config_invalid",
        "vault.auth." + name + ".method: approle or token, not \"" + from.method + "\""
    );
}

}  // namespace leasehold::vault_client
