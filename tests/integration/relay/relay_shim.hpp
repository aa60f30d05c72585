#pragma once

#include "relay/lane_set.hpp"
#include "server_login.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using SSL_CTX = struct ssl_ctx_st;

namespace leasehold::router::relay::test {

struct shim_tenant
{
    tenant_id id;
    login_facts login;
    pool_limits limits;
};

// The least that makes relay lanes reachable for libpq: accepts on a loopback port, believes the database
// name, asks for no password. The front lanes do this properly; here it is test code.
class relay_shim final : public server_source, public cancel_sender
{
public:
    // `tenants` by database name. With certificate files the clients may ask for TLS.
    relay_shim(
        std::map<std::string, shim_tenant> tenants,
        std::uint8_t lanes = 1,
        const std::string& cert_file = {},
        const std::string& key_file = {}
    );
    ~relay_shim() override;
    relay_shim(const relay_shim&) = delete;
    relay_shim& operator=(const relay_shim&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] lane_set& lanes() noexcept { return *lanes_; }
    [[nodiscard]] std::string uri(const std::string& database, const std::string& sslmode = "disable") const;
    [[nodiscard]] const shim_tenant& tenant(const std::string& database) const
    {
        return tenants_.at(database);
    }
    [[nodiscard]] std::uint64_t logins() const noexcept { return logins_; }
    // Lease of the next logins of every tenant, and its end.
    void set_lease(std::uint64_t number, boot_time ends_at);
    // Sum over the lanes.
    [[nodiscard]] std::uint64_t sum(tally counters::*of) const;

    void request_server(server_promise answer) override;
    void server_closed(const pool_key& key, std::uint32_t server_index) noexcept override;
    void send_cancel(
        std::shared_ptr<const server_address> where,
        wire::server_pid pid,
        const wire::server_key& key,
        cancel_promise answer
    ) override;

private:
    void accept_loop();
    void admit_one(int descriptor);
    void work_loop();
    void enqueue(work what);
    [[nodiscard]] const shim_tenant* find(const tenant_id& id) const;

    std::map<std::string, shim_tenant> tenants_;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> tls_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> is_stopping_{false};
    std::atomic<std::uint64_t> logins_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<work> queue_;
    std::uint64_t lease_ = 1;
    boot_time lease_ends_at_ = boot_time::max();
    std::unique_ptr<lane_set> lanes_;
    std::vector<std::thread> workers_;
    std::thread acceptor_;
};

}  // namespace leasehold::router::relay::test
