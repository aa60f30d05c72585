#include "relay/internal_session.hpp"

#include "relay/lane_core.hpp"
#include "relay/pool.hpp"
#include "relay/server_connection.hpp"

#include <leasehold/router/wire/client_stream.hpp>

#include <utility>

namespace leasehold::router::relay {
namespace {

// Whole messages that owe exactly one ReadyForQuery, the last of them, and leave nothing behind.
bool is_sound(std::string_view batch) noexcept
{
    wire::client_stream stream;
    int ready = 0;
    bool is_last = false;
    while (!batch.empty()) {
        const auto event = stream.next(batch);
        if (event.what != wire::client_event::kind::piece || event.is_copy()) return false;
        if (event.begins && event.message == wire::client_message::parse && !event.statement.empty())
            return false;
        if (event.begins && event.owes_ready()) ++ready;
        is_last = event.owes_ready();
        batch.remove_prefix(event.size);
    }
    return stream.at_boundary() && ready == 1 && is_last;
}

}  // namespace

internal_session::internal_session(lane_core& core, pool& of) : core_(core), pool_(of) {}

void internal_session::start(internal_call call) noexcept
{
    timer_wheel::disarm(limit_);
    call_.emplace(std::move(call));
    reply_ = {};
    is_too_large_ = false;
    core_.tallies().internal_calls.add();
    if (!is_sound(call_->batch)) {
        refuse(refusals::protocol_violation);
        return;
    }
    if (server_ != nullptr) {
        send();
    } else if (auto* const server = pool_.borrow(*this); server != nullptr) {
        on_lent(*server);
    }
}

void internal_session::on_lent(server_connection& server) noexcept
{
    server_ = &server;
    server.apply_settings({});
    send();
}

void internal_session::send() noexcept
{
    wire::client_stream stream;
    for (std::string_view rest = call_->batch; !rest.empty();) {
        const auto event = stream.next(rest);
        if (event.begins && event.message != wire::client_message::flush) server_->owed().sent(event.message);
        rest.remove_prefix(event.size);
    }
    server_->send(call_->batch);
}

bool internal_session::on_reply(std::string_view bytes) noexcept
{
    if (!call_ || is_too_large_) return true;
    is_too_large_ = reply_.bytes.size() + bytes.size() > call_->reply_limit;
    if (!is_too_large_) {
        reply_.bytes.append(bytes);
        return true;
    }
    reply_.bytes.clear();
    server_->cancel();
    return true;
}

void internal_session::on_ready(char status) noexcept
{
    if (!call_ || !server_->owed().is_empty()) return;
    if (is_too_large_) {
        refuse(refusals::reply_too_large);
        return;
    }
    reply_.transaction = status;
    const bool is_kept = call_->keep && status != 'I';
    if (is_kept && link_ == 0) {
        link_ = core_.next_link();
        core_.note_link(link_, this);
    }
    reply_.link = is_kept ? link_ : 0;
    const auto done = std::exchange(call_, std::nullopt)->done;
    done(std::move(reply_));
    if (!is_kept) {
        end();
        return;
    }
    const auto limit = pool_.limits().idle_in_transaction;
    if (limit.count() > 0) core_.wheel().arm<&internal_session::release>(limit_, core_.now() + limit, *this);
}

void internal_session::on_refused(const refusal& why) noexcept
{
    refuse(why);
}

void internal_session::on_settings(bool is_applied, std::string_view, std::string_view) noexcept
{
    if (!is_applied) refuse(refusals::internal);
}

void internal_session::on_server_gone(const refusal& why, bool /*is_told*/) noexcept
{
    server_ = nullptr;
    refuse(why);
}

void internal_session::release() noexcept
{
    if (call_) {
        refuse(refusals::internal);
    } else {
        end();
    }
}

void internal_session::refuse(const refusal& why) noexcept
{
    if (auto call = std::exchange(call_, std::nullopt); call) call->done(why);
    end();
}

void internal_session::end() noexcept
{
    if (std::exchange(is_over_, true)) return;
    timer_wheel::disarm(limit_);
    pool_.leave_queue(*this);
    if (auto* const server = std::exchange(server_, nullptr); server != nullptr) {
        if (server->is_clean() && !server->has_own_parameters()) {
            server->give_back();
        } else {
            server->abandon(server_connection::farewell::cancel, false, false);
        }
    }
    if (link_ != 0) core_.note_link(link_, nullptr);
    core_.call_is_over(*this);
}

}  // namespace leasehold::router::relay
