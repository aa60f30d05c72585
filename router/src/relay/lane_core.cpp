#include "relay/lane_core.hpp"

#include "relay/internal_session.hpp"
#include "relay/pool.hpp"
#include "relay/server_connection.hpp"
#include "relay/session.hpp"

#include <leasehold/router/wire/error_response.hpp>

#include <algorithm>
#include <utility>

namespace leasehold::router::relay {

lane_core::lane_core(
    const lane_settings& settings,
    server_source& source,
    cancel_sender& cancels,
    transport& net,
    buffer_pool& buffers,
    std::shared_ptr<inbox> from_others
)
    : settings_(settings)
    , source_(source)
    , cancels_(cancels)
    , net_(net)
    , buffers_(buffers)
    , inbox_(std::move(from_others))
    , wheel_(net.now())
{
    sessions_.resize(settings.max_sessions + std::size_t{1});
    scratch_.reserve(4096);
}

lane_core::~lane_core()
{
    close_everything();
}

void lane_core::run()
{
    while (!is_stopping_) run_once(boot_time::max());
    close_everything();
}

void lane_core::run_once(boot_time wait_until)
{
    inbox_->run();
    wheel_.advance(now());
    // Twice: who is served goes on in the same turn, and what it sends goes out in one flush.
    for (int round = 0; round < 2; ++round) {
        for (auto left = to_go_on_.size(); left > 0; --left) {
            if (auto* const one = to_go_on_.pop_front(); one != nullptr) one->go_on();
        }
        if (round == 0) serve_pools();
    }
    bury();
    const auto busy =
        static_cast<std::uint64_t>(std::max<boot_clock::rep>((settings_.clock->boot() - now()).count(), 0));
    counters_.busy_nanoseconds.add(busy);
    counters_.longest_turn_nanoseconds.raise_to(busy);
    const bool is_idle = to_go_on_.empty() && to_serve_.empty() && !is_stopping_;
    net_.turn(is_idle ? std::min(wait_until, wheel_.next_due()) : now());
    bury();
}

void lane_core::serve_pools() noexcept
{
    while (auto* const one = to_serve_.pop_front()) one->serve();
}

void lane_core::bury() noexcept
{
    dead_sessions_.clear();
    dead_servers_.clear();
    dead_calls_.clear();
    dead_pools_.clear();
}

wire::message_writer& lane_core::scratch() noexcept
{
    scratch_.clear();
    return scratch_;
}

void lane_core::serve_later(pool& one) noexcept
{
    if (!one.to_serve.is_linked()) to_serve_.push_back(one.to_serve, one);
}

void lane_core::go_on_later(session& one) noexcept
{
    if (!one.to_go_on.is_linked() && !one.is_ended()) to_go_on_.push_back(one.to_go_on, one);
}

pool* lane_core::find_pool(const pool_key& key) noexcept
{
    const auto found = pools_.find(key);
    return found == pools_.end() ? nullptr : found->second.get();
}

pool& lane_core::pool_for(const pool_key& key, const pool_limits& limits)
{
    auto& place = pools_[key];
    if (place == nullptr) {
        place = std::make_unique<pool>(*this, key);
        counters_.pools.add();
    }
    place->set_limits(limits);
    return *place;
}

void lane_core::pool_is_unused(pool& one) noexcept
{
    const auto found = pools_.find(one.key());
    if (found == pools_.end() || found->second.get() != &one) return;
    to_serve_.remove(one.to_serve);
    dead_pools_.push_back(std::move(found->second));
    pools_.erase(found);
    counters_.pools.subtract();
}

void lane_core::admit(admitted client)
{
    const auto slot = client.slot.number();
    if (drain_ || is_stopping_ || slot >= sessions_.size()) {
        wire::message_writer out;
        wire::router_error said;
        said.code = drain_ || is_stopping_ ? refusals::router_draining.code : refusals::client_limit.code;
        said.request_id = client.request_id;
        said.router_id = settings_.router_name;
        wire::write_error(out, said);
        struct silent final : endpoint
        {
            void on_bytes(std::string_view) noexcept override {}
            void on_closed() noexcept override {}
            void on_writable() noexcept override {}
        } nobody;
        if (const auto handle = net_.add(std::move(client.socket), nobody); handle) {
            net_.send(*handle, out.view());
            net_.finish(*handle, transport::patience::none);
        }
        return;
    }
    auto& into = pool_for(client.pool, client.limits);
    auto fresh = std::make_unique<session>(*this, into, std::move(client));
    auto& one = *fresh;
    sessions_[slot] = std::move(fresh);
    all_sessions_.push_back(one.in_lane, one);
    into.sessions.push_back(one.in_pool, one);
    if (one.who().kind != principal::kind_of::none) {
        auto& list = by_principal_[one.who()];
        if (list == nullptr) list = std::make_unique<intrusive_list<session>>();
        list->push_back(one.of_principal, one);
    }
    counters_.sessions.add();
    one.start();
}

void lane_core::session_is_gone(session& one) noexcept
{
    to_go_on_.remove(one.to_go_on);
    all_sessions_.remove(one.in_lane);
    one.of().sessions.remove(one.in_pool);
    one.of().stop_awaiting(one);
    if (one.of_principal.is_linked()) {
        const auto found = by_principal_.find(one.who());
        found->second->remove(one.of_principal);
        if (found->second->empty()) by_principal_.erase(found);
    }
    counters_.sessions.subtract();
    serve_later(one.of());  // it may have been the last use of its pool
    dead_sessions_.push_back(std::move(sessions_[one.slot()]));
}

void lane_core::submit(internal_call call)
{
    if (is_stopping_) {
        call.done(refusals::router_draining);
        return;
    }
    if (call.link != 0) {
        const auto found = links_.find(call.link);
        if (found == links_.end() || found->second->is_at_work()) {
            call.done(refusals::server_lost);  // its transaction has ended meanwhile
        } else {
            found->second->start(std::move(call));
        }
        return;
    }
    auto& from = pool_for(call.pool, call.limits);
    auto fresh = std::make_unique<internal_session>(*this, from);
    auto& one = *fresh;
    calls_.emplace(&one, std::move(fresh));
    one.start(std::move(call));
}

void lane_core::release_link(const pool_key& /*key*/, std::uint64_t link)
{
    if (const auto found = links_.find(link); found != links_.end()) found->second->release();
}

void lane_core::note_link(std::uint64_t link, internal_session* holder)
{
    if (holder != nullptr) {
        links_[link] = holder;
    } else {
        links_.erase(link);
    }
}

void lane_core::call_is_over(internal_session& one) noexcept
{
    const auto found = calls_.find(&one);
    dead_calls_.push_back(std::move(found->second));
    calls_.erase(found);
}

void lane_core::cancel(std::uint32_t slot, std::string_view key)
{
    if (slot < sessions_.size() && sessions_[slot] != nullptr) sessions_[slot]->cancel(key);
}

void lane_core::ask_for_server(const pool_key& key, std::uint64_t epoch) noexcept
{
    source_.request_server(server_promise(inbox_, *this, key, epoch));
}

void lane_core::server_arrived(const pool_key& key, std::uint64_t epoch, verified_server server)
{
    if (auto* const to = find_pool(key); to != nullptr && !is_stopping_) {
        to->arrived(std::move(server), epoch);
    } else {
        server_came_too_late(key, server);
    }
}

void lane_core::server_refused(const pool_key& key, std::uint64_t epoch, const refusal& why)
{
    if (auto* const to = find_pool(key); to != nullptr) to->refused(why, epoch);
}

void lane_core::server_came_too_late(const pool_key& key, verified_server& server) noexcept
{
    const auto index = server.address ? server.address->server_index : 0;
    server.socket.close();
    server.hold.reset();
    source_.server_closed(key, index);
}

server_connection& lane_core::keep(std::unique_ptr<server_connection> server)
{
    auto& one = *server;
    servers_.emplace(&one, std::move(server));
    return one;
}

void lane_core::server_is_gone(server_connection& server) noexcept
{
    const auto found = servers_.find(&server);
    dead_servers_.push_back(std::move(found->second));
    servers_.erase(found);
    for (auto& [number, order] : cancel_orders_) {
        if (order.server == &server) order.server = nullptr;
    }
    const auto& address = server.facts().address;
    source_.server_closed(server.of().key(), address ? address->server_index : 0);
}

void lane_core::send_cancel(server_connection& server) noexcept
{
    const auto number = ++last_cancel_;
    cancel_orders_[number] = {&server, collecting_};
    if (collecting_ != nullptr) ++collecting_->cancels;
    const auto& facts = server.facts();
    cancels_.send_cancel(facts.address, facts.pid, *facts.key, cancel_promise(inbox_, *this, number));
}

void lane_core::cancel_answered(std::uint64_t order)
{
    const auto found = cancel_orders_.find(order);
    if (found == cancel_orders_.end()) return;
    const auto what = found->second;
    cancel_orders_.erase(found);
    if (what.server != nullptr) what.server->cancel_is_done();
    if (what.kill != nullptr && --what.kill->cancels == 0 && !what.kill->is_collecting) end_kill(*what.kill);
}

void lane_core::close_everything() noexcept
{
    inbox_->close();
    while (auto* const one = all_sessions_.front()) one->kill(refusals::router_draining);
    while (!calls_.empty()) calls_.begin()->second->release();
    while (!servers_.empty()) servers_.begin()->second->drop();
    while (auto* const one = to_serve_.pop_front()) (void)one;
    bury();
    pools_.clear();
}

}  // namespace leasehold::router::relay
