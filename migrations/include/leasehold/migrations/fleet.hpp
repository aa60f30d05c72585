#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/database/session.hpp>
#include <leasehold/migrations/apply.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// One fan-out of the tenant chain over every placement. What it needs from outside are ports; the registry
// and the broker stand behind them (control-plane/operations). Resume needs no record of its own: the version
// rows decide.
namespace leasehold::migrations {

// A tenant database that is not current, as the registry knows it.
struct target
{
    tenant_id tenant;
    std::string tid;
    std::string slug;
    server_id server;
    std::string server_name;
    std::string database;
    std::string schema;
    std::int64_t generation = 0;
    std::string marker;
};

// Which tenants are behind. One query, no connection to any tenant server. Called from one thread.
class target_source
{
public:
    virtual ~target_source() = default;
    struct plan_counts
    {
        std::int64_t current = 0;
        std::int64_t pending = 0;
    };
    virtual plan_counts count(const std::string& wanted_checksum) = 0;
    // Keyset pages in tenant order: those after `after`, at most `limit`.
    virtual std::vector<target>
    page(const std::string& wanted_checksum, std::optional<tenant_id> after, int limit) = 0;
};

// A migrate lease as an open connection. Called from many threads at once; blocks.
class credential_source
{
public:
    virtual ~credential_source() = default;
    struct loan
    {
        std::unique_ptr<database::session> connection;
        std::function<void()> give_back;  // revokes the lease; after the connection was closed
    };
    virtual loan open(const target& which) = 0;
};

// Writes what became of a target: schema state and change feed, in one transaction. Many threads.
class run_journal
{
public:
    virtual ~run_journal() = default;
    virtual void record(const target& which, const applied& done) = 0;
};

// Progress. Many threads; implementations lock for themselves.
class event_sink
{
public:
    virtual ~event_sink() = default;
    virtual void planned(const chain& ours, std::int64_t current, std::int64_t pending) = 0;
    virtual void target_done(const target& which, const applied& done, std::chrono::milliseconds took) = 0;
    virtual void target_failed(const target& which, const std::exception& why, int attempts) = 0;
};

struct fleet_settings
{
    int parallel = 4;  // per server
    int retries = 5;
    std::chrono::milliseconds first_pause{250};  // doubling to 8 s, full jitter
    std::string applied_by;
    time_limits limits;
    std::function<bool()> stop_requested;  // asked before each target; may be empty
};

struct fleet_result
{
    std::int64_t current = 0;  // needed nothing
    std::int64_t migrated = 0;
    std::int64_t failed = 0;
    bool stopped = false;
};

// Threads per server as the plan says, each with one target at a time; unlimited across servers. Blocks until
// all ended. 55P03, 40P01, 40001 and class 08 are tried again inside a target; any other error fails that
// target and the rest goes on. The same SQLSTATE in the first three targets that ended is a fault of the
// file: the run stops.
fleet_result run_fleet(
    const chain& ours,
    target_source& targets,
    credential_source& credentials,
    run_journal& journal,
    event_sink& events,
    const fleet_settings& settings
);

}  // namespace leasehold::migrations
