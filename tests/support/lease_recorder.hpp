#pragma once

#include <leasehold/vault-client/lease_roster.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace leasehold::test {

// What a roster told its user.
struct recorded_events final : vault_client::lease_events
{
    void on_successor(vault_client::lease_ptr next, vault_client::lease_ref previous) override
    {
        successors.emplace_back(std::move(next), previous);
    }
    void on_renewed(vault_client::lease_ptr renewed) override { renewals.push_back(std::move(renewed)); }
    void on_ending(vault_client::lease_ref which, boot_time by) override
    {
        endings.emplace_back(which, by);
        if (on_end) on_end(which);
    }
    void on_last_call(vault_client::lease_ref which, boot_time by) override
    {
        last_calls.emplace_back(which, by);
    }
    void on_ended(vault_client::lease_ref which, vault_client::lease_end why) override
    {
        ends.emplace_back(which, why);
    }

    std::vector<std::pair<vault_client::lease_ptr, vault_client::lease_ref>> successors;
    std::vector<vault_client::lease_ptr> renewals;
    std::vector<std::pair<vault_client::lease_ref, boot_time>> endings;
    std::vector<std::pair<vault_client::lease_ref, boot_time>> last_calls;
    std::vector<std::pair<vault_client::lease_ref, vault_client::lease_end>> ends;
    std::function<void(vault_client::lease_ref)> on_end;
};

// Says what it is told to.
struct settable_verifier final : vault_client::lease_verifier
{
    task<bool> verify(vault_client::lease_ptr fresh) override
    {
        ++asked;
        last = fresh;
        co_return answer;
    }
    bool answer = true;
    int asked = 0;
    vault_client::lease_ptr last;
};

}  // namespace leasehold::test
