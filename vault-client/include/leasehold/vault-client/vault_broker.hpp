#pragma once

#include <leasehold/base/config.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/vault-client/broker.hpp>
#include <leasehold/vault-client/broker_setup.hpp>

#include <memory>

namespace leasehold::vault_client {

struct broker_settings
{
    broker_settings() = default;

    std::vector<std::string> nodes;  // scheme://host:port each; the active one is found by health
    std::string name_space;
    std::string ca_file;  // empty: the system's; read again for every new connection
    std::vector<std::string> redirect_allow;
    broker_mounts mounts;
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds call_timeout{10000};
    std::chrono::milliseconds health_timeout{1000};
    std::chrono::milliseconds sync_timeout{120000};    // revoke and revoke_prefix with completion::done
    std::chrono::milliseconds probe_when_down{1000};   // while no node serves, one caller probes this often,
    std::chrono::milliseconds probe_down_most{30000};  // doubling up to this
};

// From the configuration's block `vault`.
broker_settings settings_of(const vault_config& from);

// A broker over HTTP. Errors: invalid "config_invalid" for a node that is no origin.
std::unique_ptr<broker> create_vault_broker(
    broker_settings settings, const clock_source& clock = real_clock(), metrics& into = process_metrics()
);

// The same broker as a person with full rights sees it once: bootstrap, and the managed broker of one
// machine.
std::unique_ptr<broker_setup> create_vault_setup(
    broker_settings settings, const clock_source& clock = real_clock(), metrics& into = process_metrics()
);

}  // namespace leasehold::vault_client
