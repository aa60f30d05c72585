#pragma once

#include "fake_broker.hpp"
#include "fake_clock.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/vault-client/identified_broker.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

namespace leasehold::vault_client {

using namespace std::chrono_literals;

// Runs the lane until `done` says so; real time bounds it, the fake clock decides what happens.
inline void run_until(asio::io_context& lane, const std::function<bool()>& done)
{
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
        ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the condition did not come true";
        lane.restart();
        lane.run_one_for(5ms);
    }
}

// Lets what is under way come to rest; nothing is expected to happen.
inline void settle(asio::io_context& lane)
{
    for (int i = 0; i < 10; ++i) {
        lane.restart();
        lane.run_for(2ms);
    }
}

// Awaits `work` on the lane.
template <class T>
T await(asio::io_context& lane, task<T> work)
{
    outcome<T> result;
    auto all = leasehold::detail::run_into(std::move(work), result);
    bool ended = false;
    asio::co_spawn(lane, std::move(all), [&](std::exception_ptr) { ended = true; });
    run_until(lane, [&] { return ended; });
    return result.take();
}

// Files of an AppRole in a folder of their own.
struct credential_files
{
    credential_files()
        : folder(
              std::filesystem::temp_directory_path() /
              ("leasehold-" + crypto::to_hex(crypto::random_bytes(6)))
          )
    {
        std::filesystem::create_directory(folder);
        create_secret_file(folder / "role_id", "router-role");
        create_secret_file(folder / "secret_id", "router-secret");
    }
    ~credential_files() { std::filesystem::remove_all(folder); }
    credential_files(const credential_files&) = delete;
    credential_files& operator=(const credential_files&) = delete;

    std::filesystem::path folder;
    std::unique_ptr<identity> approle(std::string name = "router") const
    {
        return create_approle_identity(std::move(name), "approle", folder / "role_id", folder / "secret_id");
    }
};

struct recorded_events final : lease_events
{
    void on_successor(lease_ptr next, lease_ref previous) override
    {
        successors.emplace_back(std::move(next), previous);
    }
    void on_renewed(lease_ptr renewed) override { renewals.push_back(std::move(renewed)); }
    void on_ending(lease_ref which, boot_time by) override
    {
        endings.emplace_back(which, by);
        if (on_end) on_end(which);
    }
    void on_ended(lease_ref which, lease_end why) override { ends.emplace_back(which, why); }

    std::vector<std::pair<lease_ptr, lease_ref>> successors;
    std::vector<lease_ptr> renewals;
    std::vector<std::pair<lease_ref, boot_time>> endings;
    std::vector<std::pair<lease_ref, lease_end>> ends;
    std::function<void(lease_ref)> on_end;
};

struct settable_verifier final : lease_verifier
{
    task<bool> verify(lease_ptr fresh) override
    {
        ++asked;
        last = fresh;
        co_return answer;
    }
    bool answer = true;
    int asked = 0;
    lease_ptr last;
};

// A fake broker, an identity at it, and a roster, on one lane and a fake clock.
struct playground
{
    playground()
    {
        log::configure(log_level::error, log::form::json);
        auto owned = std::make_unique<test::fake_broker>(clock);
        fake = owned.get();
        fake->add_approle("router-role", "router-secret");
        token.timer_step = 2ms;
        leases.timer_step = 2ms;
        retry.least = 1ms;
        retry.most = 4ms;
        broker =
            create_identified_broker(lane, std::move(owned), files.approle(), token, retry, clock, counters);
    }
    lease_roster& roster()
    {
        if (!roster_) {
            roster_ = std::make_unique<lease_roster>(
                lane, *broker, broker->tokens(), verifier, events, leases, clock, counters
            );
        }
        return *roster_;
    }
    placement_key tenant(seconds term = 3600s, seconds max_term = 86400s, bool renewable = true)
    {
        const auto id = tenant_id::random();
        fake->allow_role(role_of(role_class::rw, tid::of(id), 1), term, max_term, renewable);
        return placement_key(id, 1, "eu-1");
    }

    test::fake_clock clock;
    metrics counters;
    asio::io_context lane{1};
    credential_files files;
    test::fake_broker* fake = nullptr;
    token_settings token;
    retry_settings retry;
    lease_settings leases;
    std::unique_ptr<identified_broker> broker;
    settable_verifier verifier;
    recorded_events events;

private:
    std::unique_ptr<lease_roster> roster_;
};

} // namespace leasehold::vault_client
