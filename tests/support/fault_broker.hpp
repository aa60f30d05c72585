#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace leasehold::test {

enum class fault : std::uint8_t
{
    lost_answer,   // the real broker does it, then the connection is closed
    token_dead,    // 403 here and at lookup-self, until the next login
    denied,        // 403 here alone
    slow,          // after `delay`
    html,          // a proxy's page with status 200
    truncate,      // half of the answer, then closed
    wrong_tenant,  // creds of another role
    lease_gone,    // 400 "lease not found"
    no_lease_id,   // creds without one
    unavailable,   // 502
};

// A reverse proxy in front of a real broker, for what a healthy one does not show. Faults by a part of the
// path, a number of times; effective with the next request. Its connections have threads of their own: any
// thread may call it.
class fault_broker
{
public:
    // Plain http, or TLS when a certificate is given. `upstream`: http(s)://host:port; `ca_file` is for
    // https.
    explicit fault_broker(
        std::string upstream,
        std::filesystem::path ca_file = {},
        std::filesystem::path cert = {},
        std::filesystem::path key = {}
    );
    ~fault_broker();
    fault_broker(const fault_broker&) = delete;
    fault_broker& operator=(const fault_broker&) = delete;

    [[nodiscard]] std::string url() const;  // with host 127.0.0.1
    [[nodiscard]] std::uint16_t port() const noexcept;

    void plan(std::string path_part, fault what, int times = 1, std::chrono::milliseconds delay = {});
    void instead_of(std::string role, std::string other);  // for wrong_tenant
    void clear();
    // New connections get this certificate; those that are open are closed.
    void use_certificate(const std::filesystem::path& cert, const std::filesystem::path& key);
    // Requests whose "METHOD /path" contains `part`.
    [[nodiscard]] int seen(const std::string& part) const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::test
