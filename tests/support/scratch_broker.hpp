#pragma once

#include "lane_driver.hpp"
#include "stack.hpp"

#include <leasehold/vault-client/broker_setup.hpp>
#include <leasehold/vault-client/vault_broker.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>

namespace leasehold::test {

// A real OpenBAO of a test's own, plain http on loopback, storage pebbledb: to be sealed, killed and started
// again. Mounts database, secret (kv 2), transit and approle are there. Ends its process and removes its
// folder.
class scratch_broker
{
public:
    enum class begin
    {
        unsealed,
        uninitialised
    };
    explicit scratch_broker(begin how = begin::unsealed);
    ~scratch_broker();
    scratch_broker(const scratch_broker&) = delete;
    scratch_broker& operator=(const scratch_broker&) = delete;

    [[nodiscard]] const std::string& url() const noexcept { return url_; }
    [[nodiscard]] vault_client::broker_settings settings() const;
    [[nodiscard]] std::shared_ptr<const secret<std::string>> root_token() const { return root_token_; }
    // With the root token.
    [[nodiscard]] std::unique_ptr<vault_client::broker_setup> setup() const;
    [[nodiscard]] std::unique_ptr<vault_client::broker> root() const;

    // Awaits a call of setup() or root(): whatever they made lives on this one lane, until they go.
    template <class T>
    T run(task<T> work) const
    {
        return await(*lane_, std::move(work));
    }

    void seal();
    void unseal();
    void kill();   // -9
    void start();  // as it was left: sealed
    // Everything under one path prefix, as an operator would: auth/approle/login ends all its tokens.
    void revoke_prefix_by_operator(const std::string& prefix);

private:
    void wait_until_it_answers();

    std::unique_ptr<asio::io_context> lane_ = std::make_unique<asio::io_context>(1);
    std::filesystem::path folder_;
    std::string url_;
    std::uint16_t port_ = 0;
    pid_t pid_ = 0;
    std::shared_ptr<const secret<std::string>> root_token_;
    secret<std::string> unseal_key_;
};

}  // namespace leasehold::test
