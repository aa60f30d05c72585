#pragma once

#include "fake_broker.hpp"
#include "fake_clock.hpp"
#include "lane_driver.hpp"
#include "lease_recorder.hpp"

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

using test::await;
using test::run_until;
using test::settle;

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

using test::recorded_events;
using test::settable_verifier;

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

}  // namespace leasehold::vault_client
