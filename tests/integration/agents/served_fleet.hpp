#pragma once

#include "installation.hpp"
#include "scratch_folder.hpp"
#include "tcp_relay.hpp"
#include "test_authority.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/http/message.hpp>
#include <leasehold/router/agents/gateway.hpp>
#include <leasehold/router/router.hpp>

#include <memory>
#include <string>

namespace leasehold::test {

// A tenant as the product provisioned it.
struct served_tenant
{
    std::string slug;
    tenant_id id;
    std::string server;
    std::string database;

    // A statement, as superuser straight on its server; its first value, where it has one.
    std::string value(const std::string& sql) const;
};

// A TLS connection that says what it is told, byte for byte.
class tls_connection
{
public:
    tls_connection(std::uint16_t port, const std::string& ca_file, const std::string& server_name);
    tls_connection(tls_connection&&) noexcept;
    ~tls_connection();
    void write(const std::string& bytes);
    // Until the peer ends it.
    std::string read_to_end();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

// A request as its bytes; the connection ends with the answer.
std::string to_bytes(const http::incoming& what);
http::reply parse_reply(const std::string& bytes);

// An installation whose control plane has made two tenants, each on a server of its own, behind a real router
// with its agent gateway on TLS. Names: <slug>.db.example.com; agents.example.com is the router's own.
class served_fleet
{
public:
    explicit served_fleet(const clock_source& clock = real_clock());
    ~served_fleet();
    served_fleet(const served_fleet&) = delete;
    served_fleet& operator=(const served_fleet&) = delete;

    [[nodiscard]] std::string make_token(const served_tenant& of, std::int64_t max_uses = 1) const;
    // One value of the registry, as superuser.
    [[nodiscard]] std::string registry_value(const std::string& sql) const;
    // Until the router has acknowledged everything that is committed.
    void wait_applied() const;

    // One request over a TLS connection of its own whose SNI is the request's server name (none if empty).
    [[nodiscard]] http::reply send(const http::incoming& what) const;
    // A bare connection to the gateway.
    [[nodiscard]] tls_connection connect(const std::string& server_name = {}) const;

    installation made;
    tcp_relay way_to_registry;  // the product's only one
    scratch_folder folder;
    test_authority authority;
    config values;
    hmac_keys keys;
    metrics meters;
    served_tenant acme;
    served_tenant globex;
    std::unique_ptr<router::router> running;
    std::unique_ptr<router::agents::gateway> gateway;

private:
    void provision();
    [[nodiscard]] served_tenant find(const std::string& slug) const;
};

}  // namespace leasehold::test
