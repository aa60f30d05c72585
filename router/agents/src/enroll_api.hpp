#pragma once

#include "enrollment_guard.hpp"
#include "tenant_store.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/ids.hpp>
#include <leasehold/http/routes.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace leasehold::router::agents {

// Body of POST /enroll. The token is in Authorization, the proof of the key in Leasehold-Signature.
struct enroll_request
{
    std::string name;
    std::string fqdn;
    std::string cluster_name;
    std::string platform;
    std::string os_name;
    std::string os_version;
    std::string agent_version;
    std::string public_key;  // base64, 32 bytes
    std::string machine_hint;
    std::string instance;
    std::map<std::string, std::string> labels;
};

struct enroll_tenant
{
    std::string tid;
    std::string name;
};

struct enroll_answer
{
    host_id host;
    enroll_tenant tenant;
    secret<std::string> credential;
    std::int64_t generation = 0;
    wall_time expires_at;
    std::string state;
    std::int64_t next_s = 0;
    std::int64_t wait_s = 0;
    std::vector<std::string> want;
};

// Enrollment, steps 2 to 6. Nothing about a token is said but to its holder.
class enroll_api
{
public:
    enroll_api(
        gateway_ports& ports,
        tenant_store& store,
        const config& values,
        const hmac_keys& keys,
        const clock_source& clock
    )
        : ports_(ports)
        , store_(store)
        , values_(values)
        , keys_(keys)
        , clock_(clock)
        , guard_(clock)
    {}
    void mount(http::routes& on);
    task<http::reply> enroll(const http::context& ctx, enroll_request in);

    // Step 4 and 5 of an enrollment that its agent left half-done.
    task<void> finish(host_facts host);

private:
    task<http::reply>
    redeem(const http::context& ctx, const std::optional<credential>& token, enroll_request in);
    [[nodiscard]] redeem_request to_redeem(
        const http::context& ctx, const enroll_request& in, const credential& token, std::string public_key
    ) const;
    // Until this router itself takes the credential: its directory follows the registry within a second.
    task<void> wait_known(host_id host, std::string hmac);

    gateway_ports& ports_;
    tenant_store& store_;
    const config& values_;
    const hmac_keys& keys_;
    const clock_source& clock_;
    enrollment_guard guard_;
};

}  // namespace leasehold::router::agents
