#pragma once

#include "tenant_store.hpp"

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/http/routes.hpp>

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace leasehold::router::agents {

struct spool_facts
{
    std::uint64_t bytes = 0;
    std::optional<wall_time> oldest_at;
    std::uint64_t dropped = 0;
};

struct heartbeat
{
    wall_time at;
    std::string boot_id;
    std::string instance;
    std::string agent_version;
    std::uint64_t uptime_s = 0;
    std::map<std::string, double> metrics;
    std::optional<spool_facts> spool;
    std::map<std::string, std::string> have;  // kind of inventory -> SHA-256
};

struct heartbeat_answer
{
    std::int64_t next_s = 0;
    std::string state;
    std::vector<std::string> want;
    bool commands = false;
    bool renew = false;
};

struct inventory_document
{
    wall_time collected_at;
    nlohmann::json document;
};

struct package_row
{
    std::string name;
    std::string version;
    std::string manager;
};

struct package_set
{
    wall_time collected_at;
    std::string sha256;
    std::vector<package_row> packages;
};

struct event_batch
{
    std::vector<nlohmann::json> events;  // looked at one by one: a bad one never blocks its batch
};

struct rejected_event
{
    std::string id;
    std::string code;
};

struct event_answer
{
    std::uint64_t stored = 0;
    std::vector<rejected_event> rejected;
};

// What hosts tell of themselves. The host id is the credential's and a parameter of every statement; every
// write may be repeated.
class data_api
{
public:
    data_api(tenant_store& store, const config& values, const clock_source& clock)
        : store_(store)
        , values_(values)
        , clock_(clock)
    {}
    void mount(http::routes& on);

    task<heartbeat_answer> beat(const http::context& ctx, heartbeat in);
    task<void> put_inventory(const http::context& ctx, inventory_document in);
    task<void> put_packages(const http::context& ctx, package_set in);
    task<event_answer> add_events(const http::context& ctx, event_batch in);

    // Hosts heard of since the last call.
    std::vector<host_id> take_seen();

private:
    task<void> make_partitions(const host_principal& who);
    task<std::vector<rejected_event>>
    store_events(const host_principal& who, std::vector<nlohmann::json> all);

    tenant_store& store_;
    const config& values_;
    const clock_source& clock_;
    std::map<tenant_id, std::chrono::sys_days> partitions_;  // made for that day, by this router
    std::set<host_id> seen_;
};

}  // namespace leasehold::router::agents
