#pragma once

#include <leasehold/registry/routes.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <string>
#include <vector>

namespace leasehold::router {

// What the agent gateway asks of the registry, by the registry's own functions. Errors: unavailable
// registry_unavailable while it is away, whatever the cause.
class registry_calls : public agents::enrollment_registry
{
public:
    registry_calls(registry::routes& at, router_id self) : at_(at), self_(self) {}

    task<agents::redeemed> redeem(agents::redeem_request what) override;
    task<agents::host_outcome> enrolled(
        host_id host,
        std::string credential_hmac,
        wall_time expires_at,
        std::string source_ip,
        std::string request_id
    ) override;
    task<agents::host_outcome> renew(agents::renew_request what) override;
    task<agents::host_outcome> promote(host_id host, std::vector<std::string> hmacs) override;
    task<agents::host_outcome> lock(
        host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
    ) override;
    task<void> seen(std::vector<host_id> hosts) override;
    task<void> audit(agents::audit_request what) override;
    task<std::int64_t> expire(std::chrono::milliseconds age) override;

private:
    registry::routes& at_;
    router_id self_;
};

}  // namespace leasehold::router
