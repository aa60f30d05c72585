#pragma once

#include <leasehold/vault-client/token_keeper.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <memory>
#include <string>

namespace leasehold::vault_client {

struct retry_settings
{
    retry_settings() = default;

    int attempts = 3;                      // of idempotent calls
    std::chrono::milliseconds least{250};  // full jitter between attempts, doubling
    std::chrono::milliseconds most{5000};
    int role_unknown_attempts = 5;  // `issue` right after provisioning (with an index, or within 5 s)
};

// A broker for one identity, ready to use: logs in by itself, keeps the token, repeats what may be repeated.
// This is what the router, the control plane and `leasehold migrate` hold.
//   - a dead token: one login whoever noticed, then one repeat. denied: no login, the path is logged once a
//   minute.
//   - idempotent calls: up to `attempts` within the caller's deadline. sealed, tls, denied, refused: never.
//   - issue: only after unreachable, stale, role_unknown, not_active, throttled; never after answer_lost.
// Owner and thread: the lane `on` runs. stop() before it goes.
class identified_broker : public broker
{
public:
    virtual token_keeper& tokens() noexcept = 0;
    // The CA of later connections and the files of later logins; a token in use is kept to its end.
    virtual void reload(const vault_config& from, const broker_identity_config& login) = 0;
    // Revokes the token if it was made for this process (with it all its leases). At most
    // token_settings.stop_limit. No throw.
    virtual task<void> stop() = 0;
};

std::unique_ptr<identified_broker> create_identified_broker(
    asio::io_context& on,
    std::unique_ptr<broker> raw,
    std::unique_ptr<identity> who,
    token_settings token = token_settings(),
    retry_settings retry = retry_settings(),
    const clock_source& clock = real_clock(),
    metrics& into = process_metrics()
);

// The usual one: HTTP, nodes and login from the configuration. `name`: "router" or "provisioner".
std::unique_ptr<identified_broker> create_identified_broker(
    asio::io_context& on, const vault_config& from, const broker_identity_config& login, std::string name
);

}  // namespace leasehold::vault_client
