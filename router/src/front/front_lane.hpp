#pragma once

#include "directory/feed_facts.hpp"
#include "front/failed_logins.hpp"
#include "front/listener_tls.hpp"
#include "front/login_room.hpp"
#include "front/refusal_log.hpp"
#include "relay/lane_set.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/lane.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/registry/routes.hpp>
#include <leasehold/router/directory.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <sys/socket.h>

namespace leasehold::router {

// What a reload may change. Immutable; a reload makes another, which each lane takes when it comes to it.
struct front_settings
{
    front_settings(
        std::shared_ptr<const config> with,
        std::shared_ptr<const hmac_keys> keys_now,
        std::shared_ptr<const listener_tls> shown
    )
        : values(std::move(with))
        , keys(std::move(keys_now))
        , mock_key(keys->subkey("mock"))
        , tls(std::move(shown))
    {}

    std::shared_ptr<const config> values;
    std::shared_ptr<const hmac_keys> keys;
    secret<std::string> mock_key;
    std::shared_ptr<const listener_tls> tls;  // null: plain text
};

// What all front lanes of a router refer to. Outlives them. Immutable, or safe from any thread.
struct front_world
{
    const clock_source& clock;  // for wall times; waits go by the machine's own
    const feed_facts& feed;
    relay::lane_set& relays;
    metrics& into;
    std::string router_name;
    std::function<void(const key_id&)> key_used;               // posts
    std::function<void(const registry::router_event&)> audit;  // posts
    std::atomic<bool> is_draining{false};
};

class login;

// One front lane: what its logins share. take(), publish(), use() and shut_logins() from any thread, all else
// on the lane.
class front_lane
{
public:
    front_lane(front_world& world, std::size_t index, std::shared_ptr<const front_settings> settings);

    [[nodiscard]] asio::io_context& context() noexcept { return loop_.context(); }
    void publish(directory_ptr now, std::function<void()> done);
    void use(std::shared_ptr<const front_settings> now);  // waits until the lane has it
    // A connection that was accepted; owned from here on. `listener` is its address as text.
    void take(int descriptor, const sockaddr_storage& peer, std::string listener);
    // Ends the logins that are under way.
    void shut_logins();
    // Tells what was refused again and again.
    void tell_repeats();
    void join();

    [[nodiscard]] const directory_ptr& current() const noexcept { return directory_; }  // null: loading
    // Of this moment: asked for again after a wait.
    [[nodiscard]] const front_settings& settings() const noexcept { return *settings_; }
    [[nodiscard]] const config& values() const noexcept { return *settings_->values; }
    [[nodiscard]] front_world& world() noexcept { return world_; }
    [[nodiscard]] login_room& room() noexcept { return room_; }
    [[nodiscard]] failed_logins& failures() noexcept { return failures_; }
    // To the log, with what router, lane and the directory it was decided by (null: none yet) add to it.
    void note_refusal(refusal_line line, const directory* by);

private:
    task<void> serve(int descriptor, sockaddr_storage peer, std::string listener);

    front_world& world_;
    std::string name_;
    std::set<login*> logins_;
    directory_ptr directory_;
    std::shared_ptr<const front_settings> settings_;
    login_room room_;
    failed_logins failures_;
    refusal_log refusals_;
    lane loop_;  // last: it runs what uses the rest
};

}  // namespace leasehold::router
