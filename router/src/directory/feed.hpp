#pragma once

#include "directory/change_cursor.hpp"
#include "directory/change_reading.hpp"
#include "directory/feed_facts.hpp"

#include <leasehold/base/task.hpp>
#include <leasehold/registry/routes.hpp>
#include <leasehold/router/directory.hpp>

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace leasehold::router {

// What the feed asks of the rest of the router. Called on the feed's lane.
class feed_consumer
{
public:
    virtual ~feed_consumer() = default;
    // Returns when every lane has it.
    virtual task<void> publish(directory_ptr now) = 0;
    // Returns when it is done: sessions told and closed, server connections closed, leases ended.
    virtual task<void> perform(acts what) = 0;
    virtual task<void> look_at_license() = 0;
    // The registry does not know this process any more.
    virtual task<void> register_again() = 0;
};

struct feed_settings
{
    feed_settings() = default;
    std::chrono::milliseconds poll_interval{500};
    std::chrono::milliseconds beat_interval{5000};
    std::chrono::milliseconds license_interval{60000};
    std::chrono::milliseconds stamp_interval{60000};  // of keys that were used
    int page = 10'000;
};

// Keeps the directory as the registry says: loads it, follows the change feed, publishes, has it acted upon,
// and only then acknowledges. The registry may go away at any time; what is known goes on serving. Owner and
// thread: its lane; wake(), stop() and key_used() from any.
class feed
{
public:
    feed(
        asio::io_context& on,
        registry::routes& from,
        directory_keeper& keeper,
        feed_consumer& consumer,
        feed_facts& facts,
        const clock_source& clock,
        router_id self,
        installation_id installation,
        feed_settings settings
    );

    task<void> run();  // until stop()
    void wake();
    void stop();
    void key_used(const key_id& key);

private:
    task<void> load();
    task<void> turn();
    task<void> apply(std::vector<registry::change_row> rows);
    task<void> act();
    task<void> keep_house();  // beat, license, stamps: whichever is due
    bool is_ours(const registry::change_page& page);
    task<void> acknowledge();
    task<void> load_pages(directory_change& into);
    task<void> pause();
    void has_contact() noexcept;

    asio::io_context& on_;
    registry::routes& from_;
    directory_keeper& keeper_;
    feed_consumer& consumer_;
    feed_facts& facts_;
    const clock_source& clock_;
    router_id self_;
    installation_id installation_;
    feed_settings settings_;

    change_cursor cursor_;
    acts todo_;  // until it is performed, whatever else fails
    asio::steady_timer timer_;
    bool is_woken_ = false;
    bool must_load_ = true;  // nothing yet, or something was read and not applied
    bool is_stopping_ = false;
    bool is_away_ = false;  // the registry: logged once
    boot_time next_beat_{};
    boot_time next_license_{};
    boot_time next_stamps_{};
    std::set<key_id> used_;
    std::int64_t told_ = -1;
    std::vector<std::int64_t> told_gaps_;
};

}  // namespace leasehold::router
