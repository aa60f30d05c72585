#pragma once

#include "host_principal.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/http/routes.hpp>

#include <memory>

namespace leasehold::router::agents {

// Who asks, from the credential alone: the directory's row of the id inside it. Names beside it (SNI,
// Host) may only agree. Thread: the gateway's lane.
class host_authenticator final : public http::authenticator
{
public:
    host_authenticator(gateway_ports& ports, const hmac_keys& keys, const clock_source& clock)
        : ports_(ports)
        , keys_(keys)
        , clock_(clock)
    {}
    task<std::shared_ptr<const http::principal>> authenticate(const http::context& ctx) override;
    // Whose host it is that this credential proves, before anything else is looked at; empty: none.
    [[nodiscard]] std::optional<tenant_id> find_tenant(std::optional<std::string_view> bearer) const;

private:
    enum class match : std::uint8_t
    {
        none,
        current,
        next,
        previous
    };

    task<std::shared_ptr<const http::principal>> prove(const http::context& ctx);
    [[nodiscard]] host_facts find_host(const std::optional<credential>& presented) const;
    [[nodiscard]] match match_secret(const host_facts& host, std::string_view secret_part) const;
    task<void> promote(host_id host, std::vector<std::string> forms);
    task<void> refuse_other_names(const http::context& ctx, host_id host, tenant_id tenant);

    gateway_ports& ports_;
    const hmac_keys& keys_;
    const clock_source& clock_;
};

// What the host's state and its tenant's state allow.
class host_authorizer final : public http::authorizer
{
public:
    explicit host_authorizer(gateway_ports& ports) : ports_(ports) {}
    task<std::shared_ptr<const http::authorization>>
    authorize(const http::context& ctx, const http::permission& needed) override;

private:
    gateway_ports& ports_;
};

}  // namespace leasehold::router::agents
