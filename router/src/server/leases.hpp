#pragma once

#include "relay/lane_set.hpp"
#include "server/server_login.hpp"

#include <leasehold/vault-client/lease_roster.hpp>

#include <functional>
#include <map>
#include <memory>

namespace leasehold::router {

relay::lease_number to_number(const vault_client::lease_ref& ref) noexcept;
vault_client::lease_ref to_ref(const relay::lease_number& number) noexcept;

// What the router knows of the leases its server connections use: passes the roster's events on to the relay
// lanes, and tells the roster what was used and when the last connection of a lease has closed. Owner and
// thread: the broker's lane; what a hold's end posts may come from any.
class leases final : public vault_client::lease_events
{
public:
    explicit leases(asio::io_context& on) : on_(on) {}
    // Both before the first lease; they outlive the lanes.
    void attach(relay::lane_set& relays, vault_client::lease_roster& roster)
    {
        relays_ = &relays;
        roster_ = &roster;
    }
    void detach() noexcept { roster_ = nullptr; }  // the roster is stopping

    // The hold and the login identity of a lease: one each, however many connections use it.
    std::shared_ptr<relay::lease_hold> hold(const vault_client::lease& of);
    std::shared_ptr<server_identity> identity(const vault_client::lease& of);
    // Reports what was lent since the last time. Called every few seconds.
    void note_used();

    void on_successor(vault_client::lease_ptr next, vault_client::lease_ref previous) override;
    void on_renewed(vault_client::lease_ptr renewed) override;
    void on_ending(vault_client::lease_ref which, boot_time by) override;
    void on_last_call(vault_client::lease_ref which, boot_time by) override;
    void on_ended(vault_client::lease_ref which, vault_client::lease_end why) override;

private:
    struct used
    {
        std::weak_ptr<relay::lease_hold> hold;
        std::shared_ptr<server_identity> identity;
        boot_clock::rep told = 0;
    };
    void closed(const vault_client::lease_ref& which);

    asio::io_context& on_;
    relay::lane_set* relays_ = nullptr;
    vault_client::lease_roster* roster_ = nullptr;
    std::map<vault_client::lease_ref, used> used_;
};

}  // namespace leasehold::router
