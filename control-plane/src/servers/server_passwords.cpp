#include "servers/server_passwords.hpp"

#include <leasehold/base/crypto.hpp>

namespace leasehold::control_plane::servers {
namespace {

constexpr int scram_iterations = 4096;  // PostgreSQL's own default; the passwords are random

secret<std::string> random_password()
{
    return secret<std::string>::take(crypto::to_base64url(crypto::random_bytes(32)));
}

std::string verifier_of(const secret<std::string>& password)
{
    return crypto::make_scram_verifier(password.reveal(), scram_iterations);
}

}  // namespace

server_passwords::server_passwords(std::optional<vault_client::kv_entry> kept, bool has_config)
    : has_config_(has_config)
{
    if (kept) {
        entry_ = std::move(kept->data);
        version_ = kept->version;
    }
    if (entry_.count("next") == 0 && entry_.count("current") == 0) entry_.emplace("next", random_password());
    if (entry_.count("broker") == 0 && !has_config) entry_.emplace("broker", random_password());
}

const secret<std::string>& server_passwords::provisioner() const
{
    const auto next = entry_.find("next");
    return next != entry_.end() ? next->second : entry_.at("current");
}

const secret<std::string>* server_passwords::broker() const
{
    const auto found = has_config_ ? entry_.end() : entry_.find("broker");
    return found != entry_.end() ? &found->second : nullptr;
}

bootstrap_verifiers server_passwords::verifiers() const
{
    bootstrap_verifiers made;
    made.provisioner = verifier_of(provisioner());
    if (broker() != nullptr) made.broker = verifier_of(*broker());
    return made;
}

void server_passwords::promote()
{
    auto current = provisioner().clone();
    entry_.erase("next");
    entry_.insert_or_assign("current", std::move(current));
}

void server_passwords::forget_broker()
{
    entry_.erase("broker");
}

}  // namespace leasehold::control_plane::servers
