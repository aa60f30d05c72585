#include "relay/session.hpp"

#include "relay/held_bytes.hpp"
#include "relay/lane_core.hpp"
#include "relay/pool.hpp"
#include "relay/server_connection.hpp"
#include "relay/settings_query.hpp"

#include <leasehold/base/secret.hpp>
#include <leasehold/router/wire/error_response.hpp>

#include <algorithm>
#include <array>
#include <utility>

// The life of a session outside the relaying of messages, which is session_input.cpp.
namespace leasehold::router::relay {
namespace {

bool is_same_name(std::string_view a, std::string_view b) noexcept
{
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) {
        return lower(x) == lower(y);
    });
}

}  // namespace

session::session(lane_core& core, pool& of, admitted client)
    : core_(core)
    , pool_(of)
    , client_(std::move(client))
    , settings_query_(make_settings_query(client_.settings))
    , are_settings_proven_(settings_query_.empty())
{}

session::~session()
{
    held_.clear(core_.buffers());
}

void session::start() noexcept
{
    is_started_ = true;
    held_.append(core_.buffers(), client_.early);
    client_.early.clear();
    const auto handle = core_.net().add(std::move(client_.socket), *this);
    if (!handle) {
        end(transport::patience::none);
        return;
    }
    handle_ = *handle;
    limit_right(client_.ends_at);
    if (pool_.parameters() != nullptr) {
        greet();
        return;
    }
    if (client_.login_until != boot_time::max()) {
        set_limit(
            limit::login, std::chrono::ceil<std::chrono::milliseconds>(client_.login_until - core_.now())
        );
    }
    pool_.await_parameters(*this);
}

void session::greet() noexcept
{
    auto& out = core_.scratch();
    for (const auto& reported : *pool_.parameters()) {
        const auto own = std::find_if(client_.settings.begin(), client_.settings.end(), [&](const auto& one) {
            return is_same_name(one.first, reported.first);
        });
        out.parameter_status(reported.first, own == client_.settings.end() ? reported.second : own->second);
    }
    if (!client_.cancel_key.empty()) out.backend_key_data(client_.slot.client_pid(), client_.cancel_key);
    out.ready_for_query('I');
    core_.net().send(handle_, out.view());
    is_greeted_ = true;
    adjust_limit();
    if (!held_.empty()) core_.go_on_later(*this);
}

bool session::is_between_transactions() const noexcept
{
    if (server_ == nullptr) return !is_waiting() && stream_.at_boundary();
    return server_->is_clean() && stream_.at_boundary() && !server_->is_mid_reply();
}

void session::cancel(std::string_view key) noexcept
{
    if (is_ended_ || !equal_in_constant_time(key, client_.cancel_key)) return;
    core_.tallies().cancels.add();
    if (is_waiting()) {
        pool_.refuse(*this, refusals::query_cancelled);
    } else if (server_ != nullptr && !is_settling_ && server_->owes()) {
        server_->cancel();
    }
}

void session::fail(const refusal& why) noexcept
{
    if (is_ended_) return;
    if (server_ == nullptr || !server_->is_mid_reply()) write_error(why, true);
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) {
        server->abandon(server_connection::farewell::cancel, is_midway(), is_pinned());
    }
    end(transport::patience::some);
}

void session::kill(const refusal& why) noexcept
{
    if (is_ended_) return;
    if (server_ == nullptr || !server_->is_mid_reply()) write_error(why, true);
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) server->drop();
    core_.tallies().sessions_killed.add();
    end(transport::patience::none);
}

void session::on_closed() noexcept
{
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) {
        core_.tallies().clients_lost.add();
        server->abandon(server_connection::farewell::cancel, is_midway(), is_pinned());
    }
    end(transport::patience::none);
}

void session::say_goodbye() noexcept
{
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) {
        server->abandon(server_connection::farewell::finish, false, is_pinned());
    }
    end(transport::patience::some);
}

void session::refuse_protocol() noexcept
{
    fail(refusals::protocol_violation);
}

void session::end(transport::patience how) noexcept
{
    if (std::exchange(is_ended_, true)) return;
    pool_.leave_queue(*this);
    timer_wheel::disarm(limit_);
    timer_wheel::disarm(right_limit_);
    core_.net().finish(handle_, how);
    core_.session_is_gone(*this);
}

void session::limit_right(boot_time ends_at) noexcept
{
    timer_wheel::disarm(right_limit_);
    if (ends_at != boot_time::max()) core_.wheel().arm<&session::right_is_over>(right_limit_, ends_at, *this);
}

void session::right_is_over() noexcept
{
    kill(refusals::session_revoked);
}

void session::write_error(const refusal& why, bool is_fatal) noexcept
{
    wire::router_error said;
    said.code = why.code;
    said.when = is_greeted_ ? wire::error_phase::session : wire::error_phase::login;
    said.message = why.message;
    said.request_id = client_.request_id;
    said.router_id = core_.router_name();
    said.force_fatal = is_fatal;
    auto& out = core_.scratch();
    wire::write_error(out, said);
    core_.net().send(handle_, out.view());
}

void session::write_ready() noexcept
{
    auto& out = core_.scratch();
    out.ready_for_query('I');
    core_.net().send(handle_, out.view());
}

// Limits are kept as an instant; the timer is only armed anew when it would fire too late. So a query that
// begins and ends moves no timer.
void session::set_limit(limit kind, std::chrono::milliseconds from_now) noexcept
{
    limit_kind_ = from_now.count() > 0 || kind == limit::login ? kind : limit::none;
    if (limit_kind_ == limit::none) {
        limit_at_ = boot_time::max();
        return;
    }
    limit_at_ = core_.now() + from_now;
    if (!limit_.is_armed() || limit_.due() > limit_at_) {
        core_.wheel().arm<&session::limit_is_over>(limit_, limit_at_, *this);
    }
}

void session::adjust_limit() noexcept
{
    if (is_ended_ || !is_greeted_) return;
    const auto& limits = pool_.limits();
    if (server_ == nullptr) {
        set_limit(is_waiting() ? limit::none : limit::idle_client, limits.idle_client);
    } else if (is_server_full_ || server_->owed().is_full()) {  // the server's fault
        set_limit(limit::none, {});
    } else if (is_client_full_ || is_midway() || !held_.empty()) {
        pending_at_stall_ = core_.net().pending(handle_);
        set_limit(is_settling_ ? limit::none : limit::stalled, limits.stalled);
    } else if (!server_->owed().is_empty()) {  // the server works
        set_limit(limit::none, {});
    } else if (server_->is_clean()) {  // pinned
        set_limit(limit::idle_client, limits.idle_client);
    } else {
        set_limit(limit::idle_in_transaction, limits.idle_in_transaction);
    }
}

void session::limit_is_over() noexcept
{
    if (limit_kind_ == limit::none) return;
    if (core_.now() < limit_at_) {
        core_.wheel().arm<&session::limit_is_over>(limit_, limit_at_, *this);
        return;
    }
    switch (limit_kind_) {
    case limit::none:
        return;
    case limit::login:
        fail(refusals::server_unavailable);
        return;
    case limit::idle_client:
        fail(refusals::idle_session);
        return;
    case limit::idle_in_transaction:
        fail(refusals::idle_in_transaction);
        return;
    case limit::stalled:
        if (is_client_full_ && core_.net().pending(handle_) < pending_at_stall_) {
            adjust_limit();  // slow, but it reads
        } else {
            fail(refusals::client_stalled);
        }
    }
}

void session::on_server_gone(const refusal& why, bool is_told) noexcept
{
    server_ = nullptr;
    if (is_told) {
        end(transport::patience::some);
    } else {
        fail(why);
    }
}

void session::on_settings(bool is_applied, std::string_view sqlstate, std::string_view message) noexcept
{
    is_settling_ = false;
    if (is_applied) {
        are_settings_proven_ = true;
        core_.go_on_later(*this);
        return;
    }
    const std::array fields{
        wire::error_field{'S', "FATAL"},
        wire::error_field{'V', "FATAL"},
        wire::error_field{'C', sqlstate},
        wire::error_field{'M', message},
        wire::error_field{'D', "A setting of the connection was refused by the server."},
    };
    auto& out = core_.scratch();
    out.error_response(fields);
    core_.net().send(handle_, out.view());
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) {
        server->abandon(server_connection::farewell::cancel, is_midway(), true);
    }
    end(transport::patience::some);
}

void session::on_lease_ending() noexcept
{
    if (!is_pinned() || is_ended_ || server_ == nullptr) return;
    is_notice_owed_ = server_->is_mid_reply();
    if (is_notice_owed_) return;
    wire::router_error said;
    said.code = "lease_ending";
    said.when = wire::error_phase::session;
    said.message = "the lease of this session will end soon; reconnect";
    said.request_id = client_.request_id;
    said.router_id = core_.router_name();
    auto& out = core_.scratch();
    wire::write_notice(out, said);
    core_.net().send(handle_, out.view());
}

}  // namespace leasehold::router::relay
