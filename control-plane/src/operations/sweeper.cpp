#include "operations/sweeper.hpp"

#include "operations/server_preflight.hpp"
#include "servers/sweep.hpp"
#include "servers/template_database.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace leasehold::control_plane::operations {

sweeper::sweeper(asio::io_context& on, facilities& with, sweeper_settings settings)
    : on_(on)
    , with_(with)
    , settings_(settings)
    , timer_(on)
{}

void sweeper::start()
{
    running_ = true;
    spawn(on_, "sweeper", run());
}

task<void> sweeper::stop()
{
    stopping_ = true;
    timer_.cancel();
    while (running_) co_await sleep_for(std::chrono::milliseconds(10));
}

task<void> sweeper::run()
{
    boost::system::error_code woken;
    while (!stopping_) {
        timer_.expires_after(settings_.interval);
        co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (stopping_) break;
        try {
            co_await sweep_all();
        } catch (const std::exception& failed) {
            log::failure("sweeper.failed", failed);
        }
    }
    running_ = false;
}

task<void> sweeper::sweep_all()
{
    co_await with_.installation.prune_changes();
    const auto all = co_await with_.servers.list();
    for (const auto& server : all) {
        if (stopping_) co_return;
        if (!server.broker_config) continue;
        try {
            co_await sweep_one(server);
            co_await sweep_templates(server);
            const bool is_due = is_preflight_older(server, preflight_interval, real_clock().wall());
            if (is_due) co_await preflight_server(with_, registry::principal::system("preflight"), server);
        } catch (const std::exception& failed) {
            log::failure("sweeper.server_failed", failed, {{"server", server.name}});
        }
    }
    with_.forget_maintenance();
}

task<void> sweeper::sweep_one(registry::server at)
{
    const auto open_inside = co_await with_.opener(at);
    const auto done = co_await with_.with_maintenance(at, [&](database::session& maintenance) {
        return servers::sweep(maintenance, open_inside, settings_.expired_for);
    });
    if (done.expired_dropped + done.blocked_dropped + done.sessions_ended == 0 && done.still_blocked.empty())
        co_return;
    log::warn(
        "sweeper.swept",
        {{"server", at.name},
         {"expired", done.expired_dropped},
         {"blocked", done.blocked_dropped},
         {"sessions", done.sessions_ended},
         {"still_blocked", done.still_blocked.size()}}
    );
}

task<void> sweeper::sweep_templates(registry::server at)
{
    const auto superseded = co_await with_.servers.superseded_templates(at.id);
    for (const auto& name : superseded) {
        co_await with_.with_maintenance(at, [&](database::session& maintenance) {
            servers::drop_superseded_template(maintenance, name);
        });
        co_await with_.servers.forget_template(at.id, name);
        log::info("template.dropped", {{"server", at.name}, {"template", name}});
    }
}

}  // namespace leasehold::control_plane::operations
