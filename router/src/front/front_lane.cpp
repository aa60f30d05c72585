#include "front/front_lane.hpp"

#include "front/login.hpp"

#include <leasehold/base/lane_call.hpp>
#include <leasehold/base/log.hpp>

#include <boost/asio/post.hpp>

namespace leasehold::router {
namespace {

constexpr std::size_t logins_max = 1000;
constexpr std::size_t logins_per_group = 64;

}  // namespace

front_lane::front_lane(front_world& world, std::size_t index, std::shared_ptr<const front_settings> settings)
    : world_(world)
    , name_("front" + std::to_string(index))
    , settings_(std::move(settings))
    , room_(logins_max, logins_per_group)
    , loop_("router." + name_)
{}

void front_lane::publish(directory_ptr now, std::function<void()> done)
{
    asio::post(context(), [this, now = std::move(now), done = std::move(done)]() mutable {
        directory_ = std::move(now);
        done();
    });
}

void front_lane::use(std::shared_ptr<const front_settings> now)
{
    call_on(context(), [&] { settings_ = now; });
}

void front_lane::take(int descriptor, const sockaddr_storage& peer, std::string listener)
{
    asio::post(context(), [this, descriptor, peer, listener = std::move(listener)]() mutable {
        auto life = serve(descriptor, peer, std::move(listener));
        spawn(context(), "router.login", std::move(life));
    });
}

void front_lane::shut_logins()
{
    asio::post(context(), [this] {
        for (auto* one : logins_) one->shut();
    });
}

void front_lane::tell_repeats()
{
    asio::post(context(), [this] { refusals_.flush(boot_clock::now()); });
}

void front_lane::join()
{
    loop_.join();
    refusals_.flush(boot_time::max());
}

void front_lane::note_refusal(refusal_line line, const directory* by)
{
    const auto now = boot_clock::now();
    line.applied_change = by == nullptr ? 0 : by->applied_change();
    line.age_ms = std::chrono::duration_cast<std::chrono::milliseconds>(world_.feed.age(now)).count();
    line.source = by == nullptr ? "none" : "registry";
    line.license = to_text(world_.feed.license.load());
    line.router = world_.router_name;
    line.lane = name_;
    refusals_.note(std::move(line), now);
}

task<void> front_lane::serve(int descriptor, sockaddr_storage peer, std::string listener)
{
    login client(*this, descriptor, peer, std::move(listener));
    const bool has_place = room_.enter(group_of(peer), client.place(), [&client] { client.shut(); });
    if (!has_place || world_.is_draining.load()) co_return;
    logins_.insert(&client);
    const auto leave = [this](login* one) { logins_.erase(one); };
    const std::unique_ptr<login, decltype(leave)> listed(&client, leave);  // however it ends
    try {
        auto life = client.run();
        co_await with_timeout(std::move(life), values().router.clients.login_timeout, "login_timeout");
    } catch (const error& late) {
        if (late.code() != "login_timeout") log::failure("login.failed", late);
    }
}

}  // namespace leasehold::router
