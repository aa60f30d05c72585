#pragma once

#include "front/front_lane.hpp"
#include "relay/ports.hpp"
#include "server/leases.hpp"
#include "server/server_gate.hpp"
#include "server/server_login.hpp"
#include "server/server_tls.hpp"
#include "server/verification.hpp"

#include <leasehold/base/worker_pool.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <map>
#include <memory>
#include <set>
#include <utility>

namespace leasehold::router {

// Gives relay lanes verified server connections: lease, login, check, each on one front lane. Also what the
// roster asks whether a successor works, and what carries cancel requests. Calls of the ports come from any
// thread; all else is the lane's.
class server_logins final : public relay::server_source,
                            public relay::cancel_sender,
                            public vault_client::lease_verifier
{
public:
    struct parts
    {
        front_lane* on = nullptr;
        worker_pool* hashing = nullptr;
        vault_client::lease_roster* roster = nullptr;  // null: collapsed mode, `own` logs in everywhere
        leases* known = nullptr;
        std::shared_ptr<server_identity> own;
    };
    // Before the first request; all of it outlives the lanes.
    void attach(parts with) { with_ = std::move(with); }
    // Collapsed mode: logins from now on. On the lane.
    void use_own(std::shared_ptr<server_identity> own) { with_.own = std::move(own); }

    void request_server(relay::server_promise answer) override;
    void server_closed(const relay::pool_key& key, std::uint32_t server_index) noexcept override;
    void send_cancel(
        std::shared_ptr<const relay::server_address> where,
        wire::server_pid pid,
        const wire::server_key& key,
        relay::cancel_promise answer
    ) override;
    task<bool> verify(vault_client::lease_ptr fresh) override;

private:
    // Who logs in: a lease's login, or the registry's own.
    struct right_to_enter
    {
        vault_client::lease_ptr lease;  // null: own
        std::shared_ptr<server_identity> who;
        std::shared_ptr<relay::lease_hold> hold;  // a lease that drains is not revoked under a login
    };
    struct target
    {
        std::shared_ptr<const directory> in;  // keeps the pointers
        const tenant_record* tenant = nullptr;
        const server_record* server = nullptr;
        expected_session want;
    };
    task<void> serve(relay::server_promise answer);
    task<relay::verified_server> open(relay::pool_key key);
    target find_target(const tenant_id& tenant, role_class role) const;
    task<right_to_enter> find_right(const target& to);
    task<relay::verified_server> open_with(const target& to, const right_to_enter& by);
    task<relay::verified_server> log_in(const target& to, const right_to_enter& by);
    task<void> check(server_login& session, const target& to);
    [[noreturn]] void translate(const server_refused& said, const target& to, const right_to_enter& by);
    void quarantine(const target& to, std::string_view why);
    void tampered(const target& to, std::string_view why);
    task<void> carry_cancel(
        std::shared_ptr<const relay::server_address> where,
        wire::server_pid pid,
        wire::server_key key,
        relay::cancel_promise answer
    );
    server_gate& gate_of(const server_id& server);

    [[nodiscard]] front_world& world() const noexcept { return with_.on->world(); }

    parts with_;
    server_tls tls_;
    std::map<server_id, server_gate> gates_;
    std::map<std::pair<tenant_id, server_id>, std::int64_t>
        quarantined_;  // until the tenant's generation changes
};

}  // namespace leasehold::router
