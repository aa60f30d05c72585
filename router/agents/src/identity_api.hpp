#pragma once

#include "host_principal.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/http/routes.hpp>

#include <optional>
#include <string>

namespace leasehold::router::agents {

struct renewal
{
    std::int64_t generation = 0;            // that the agent holds
    std::optional<std::string> public_key;  // base64; only to replace the key
};

struct renewed
{
    secret<std::string> credential;
    std::int64_t generation = 0;
    wall_time expires_at;
};

struct self_tenant
{
    std::string tid;
};

struct self
{
    host_id host;
    self_tenant tenant;
    std::string state;
    std::int64_t generation = 0;
    wall_time expires_at;
};

// Who a host is, and the next credential for its key.
class identity_api
{
public:
    identity_api(gateway_ports& ports, const config& values, const hmac_keys& keys, const clock_source& clock)
        : ports_(ports)
        , values_(values)
        , keys_(keys)
        , clock_(clock)
    {}
    void mount(http::routes& on);

    task<self> show(const http::context& ctx);
    task<renewed> renew(const http::context& ctx, renewal in);

private:
    task<void> wait_known(host_id host, std::string next_hmac);

    gateway_ports& ports_;
    const config& values_;
    const hmac_keys& keys_;
    const clock_source& clock_;
};

}  // namespace leasehold::router::agents
