#pragma once

#include "fault_broker.hpp"
#include "lane_driver.hpp"
#include "lease_recorder.hpp"
#include "leased_server.hpp"
#include "scratch_broker.hpp"
#include "scratch_folder.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/database/session.hpp>
#include <leasehold/vault-client/identified_broker.hpp>
#include <leasehold/vault-client/lease_roster.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::vault_client {

using namespace std::chrono_literals;
using test::await;
using test::fault;
using test::run_until;

// As the router's: logs in to PostgreSQL with the fresh lease.
struct real_verifier final : lease_verifier
{
    explicit real_verifier(test::leased_server& on) : server(on) {}
    task<bool> verify(lease_ptr fresh) override
    {
        ++asked;
        bool good = true;
        try {
            database::connect(
                server.as(fresh->ref.tenant, fresh->login->username, fresh->login->password.reveal())
            );
        } catch (const std::exception&) {
            good = false;
        }
        co_return good;
    }
    test::leased_server& server;
    int asked = 0;
};

// A real broker behind a fault proxy, a real PostgreSQL server, two tenants, and a router's roster over them.
struct stage
{
    explicit stage(
        seconds term = 3600s, seconds max_term = 86400s, seconds token_period = 3600s, int major = 15
    )
        : server(broker, test::the_stack().with_major(major))
        , verifier(server)
    {
        log::configure(log_level::error, log::form::json);
        acme = server.add_tenant(term, max_term);
        globex = server.add_tenant(term, max_term);
        tenants = {acme, globex};
        period = token_period;
    }

    // After this no tenant is added to the router's policy.
    void open()
    {
        auto settings = broker.settings();
        settings.nodes = {proxy.url()};
        settings.probe_when_down = 200ms;
        settings.probe_down_most = 1000ms;
        identified = create_identified_broker(
            lane,
            create_vault_broker(settings, real_clock(), counters),
            server.make_router(folder.path(), tenants, period),
            token_settings(),
            retry,
            real_clock(),
            counters
        );
        roster = std::make_unique<lease_roster>(
            lane, *identified, identified->tokens(), verifier, events, leases, real_clock(), counters
        );
    }

    lease_ptr get(const tenant_id& tenant, std::chrono::milliseconds patience = 10s)
    {
        placement_key where(tenant, 1, "eu-1");
        return await(lane, roster->get(where, role_class::rw, patience));
    }
    std::string code_of_get(const tenant_id& tenant)
    {
        try {
            get(tenant);
        } catch (const leasehold::error& why) {
            return why.code();
        }
        return "";
    }
    // Whether PostgreSQL lets this lease in.
    bool works(const lease_ptr& l)
    {
        try {
            const auto session =
                database::connect(server.as(l->ref.tenant, l->login->username, l->login->password.reveal()));
            return session->run_plain_rows("SELECT 1").size() == 1;
        } catch (const leasehold::error&) {
            return false;
        }
    }
    int logins() const { return proxy.seen("auth/approle/login"); }
    int issues() const { return proxy.seen("database/creds/"); }

    test::scratch_folder folder;
    test::scratch_broker broker;
    test::fault_broker proxy{broker.url()};
    test::leased_server server;
    real_verifier verifier;
    test::recorded_events events;
    metrics counters;
    asio::io_context lane{1};
    retry_settings retry;
    lease_settings leases;
    seconds period{3600};
    tenant_id acme;
    tenant_id globex;
    std::vector<tenant_id> tenants;
    std::unique_ptr<identified_broker> identified;
    std::unique_ptr<lease_roster> roster;
};

}  // namespace leasehold::vault_client
