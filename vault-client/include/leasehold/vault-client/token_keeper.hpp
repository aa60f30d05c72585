#pragma once

#include <leasehold/base/metrics.hpp>
#include <leasehold/vault-client/broker.hpp>
#include <leasehold/vault-client/identity.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace leasehold::vault_client {

struct token_settings
{
    token_settings() = default;

    seconds increment{4 * 3600};                 // asked for at renew-self
    double renew_at = 0.5;                       // of the ttl
    double jitter = 0.1;                         // of that moment, both ways
    std::chrono::milliseconds retry_least{250};  // back-off of failed logins and renewals, full jitter
    std::chrono::milliseconds retry_most{30000};
    std::chrono::milliseconds timer_step{1000};   // the timer is never armed further ahead
    std::chrono::milliseconds stop_limit{10000};  // for revoke-self
};

// Keeps one live service token for one identity: logs in when first asked, renews at half its life, logs in
// afresh when it is capped or dead. One login at a time, whoever asks. Every token has a generation; when a
// new one begins, the leases of the old are doomed (on_new_generation). Owner and thread: the lane that made
// it; `at` and `who` outlive it.
class token_keeper
{
public:
    using clock_ref = const clock_source&;
    token_keeper(
        asio::io_context& on,
        broker& at,
        identity& who,
        token_settings settings,
        clock_ref clock,
        metrics& into
    );
    ~token_keeper();
    token_keeper(const token_keeper&) = delete;
    token_keeper& operator=(const token_keeper&) = delete;

    // A live token is in use at the broker when this returns: its generation. Errors: what the login says.
    task<std::uint64_t> ensure();
    // A call made under `generation` was told that the token is dead: one login for all who say so. The new
    // generation.
    task<std::uint64_t> replace(std::uint64_t generation);

    [[nodiscard]] bool owns_token() const noexcept;           // stop() revokes it
    [[nodiscard]] std::uint64_t generation() const noexcept;  // 0: none yet
    [[nodiscard]] boot_time ends_at() const noexcept;
    [[nodiscard]] const std::vector<std::string>& policies() const noexcept;

    // Called on the lane, after each login but the first: all leases of older generations end with their
    // token.
    void on_new_generation(std::function<void(std::uint64_t generation)> call);

    // Renews no more and revokes the token if it is ours; with it end its leases. Bounded by stop_limit;
    // never throws.
    task<void> stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::vault_client
