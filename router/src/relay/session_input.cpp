#include "relay/held_bytes.hpp"
#include "relay/lane_core.hpp"
#include "relay/pool.hpp"
#include "relay/server_connection.hpp"
#include "relay/session.hpp"

#include <leasehold/router/wire/error_response.hpp>
#include <leasehold/router/wire/message.hpp>

#include <utility>

// What a client sends, on its way to a server, and the replies on their way back.
namespace leasehold::router::relay {
namespace {

// A server is borrowed when the first message is complete, or when this much of it has come.
constexpr std::size_t borrow_at = std::size_t{8} * 1024;
constexpr std::size_t held_most =
    std::size_t{16} * 1024;  // then the client is not read until some is used up

}  // namespace

void session::on_bytes(std::string_view bytes) noexcept
{
    core_.tallies().bytes_from_clients.add(bytes.size());
    offer(held_, core_.buffers(), bytes, [this](std::string_view piece) { return take(piece); });
    adjust_reading();
    adjust_limit();
}

void session::go_on() noexcept
{
    if (is_ended_) return;
    offer_held(held_, core_.buffers(), [this](std::string_view piece) { return take(piece); });
    adjust_reading();
    adjust_limit();
}

bool session::may_take() const noexcept
{
    return is_greeted_ && !is_ended_ && !is_waiting() && !is_settling_ &&
           (server_ != nullptr || !is_client_full_);
}

std::size_t session::take(std::string_view bytes) noexcept
{
    auto rest = bytes;
    while (!rest.empty() && may_take()) {
        const auto* const before = server_;
        std::size_t used = 0;
        if (skips_ != skip::nothing) {
            used = skip_refused(rest);
        } else if (server_ != nullptr) {
            used = relay(rest);
        } else {
            used = take_without_server(rest);
        }
        if (is_ended_) return bytes.size();
        if (used == 0 && server_ == before) break;
        rest.remove_prefix(used);
    }
    return bytes.size() - rest.size();
}

// Between transactions: what needs no server is answered here.
std::size_t session::take_without_server(std::string_view bytes) noexcept
{
    const auto pass = [&]() -> std::size_t {  // the message is looked at and dropped
        const auto event = stream_.next(bytes);
        if (event.what == wire::client_event::kind::violation) {
            refuse_protocol();
            return bytes.size();
        }
        return event.what == wire::client_event::kind::piece ? event.size : 0;
    };
    if (!stream_.at_boundary()) return pass();
    const auto frame = wire::scan_message(bytes);
    if (frame.found == wire::message_frame::state::need_more) return 0;
    if (frame.is_refused() || !wire::is_known_type(frame.type, wire::direction::from_client)) return pass();
    switch (frame.type) {
    case 'X':
        say_goodbye();
        return bytes.size();
    case 'S': {
        if (!frame.is_complete()) return 0;
        const auto used = pass();
        if (!is_ended_) write_ready();
        return used;
    }
    case 'd':
    case 'c':
    case 'f':  // of a COPY that has failed
    case 'H':
        is_forwarding_ = false;
        return pass();
    default:
        break;
    }
    if (frame.is_complete() || bytes.size() >= borrow_at) borrow();
    return 0;
}

// After an error of ours: what belongs to it is thrown away, and ReadyForQuery stands in its place.
std::size_t session::skip_refused(std::string_view bytes) noexcept
{
    const auto event = stream_.next(bytes);
    if (event.what == wire::client_event::kind::violation) {
        refuse_protocol();
        return bytes.size();
    }
    if (event.what == wire::client_event::kind::need_more) return 0;
    if (event.message == wire::client_message::terminate) {
        say_goodbye();
        return bytes.size();
    }
    is_forwarding_ = false;
    const bool is_last = skips_ == skip::message || event.message == wire::client_message::sync;
    if (event.ends && is_last) {
        skips_ = skip::nothing;
        write_ready();
    }
    return event.size;
}

std::size_t session::relay(std::string_view bytes) noexcept
{
    auto rest = bytes;
    const char* run = rest.data();
    const auto pass_run = [&](const char* end) {
        if (end != run && !server_->send({run, static_cast<std::size_t>(end - run)})) is_server_full_ = true;
        run = end;
    };
    while (!rest.empty()) {
        if (stream_.at_boundary() && server_->owed().is_full()) break;
        const auto event = stream_.next(rest);
        if (event.what == wire::client_event::kind::need_more) break;
        if (event.what == wire::client_event::kind::violation) {
            pass_run(rest.data());
            refuse_protocol();
            return bytes.size();
        }
        if (event.begins) {
            if (event.message == wire::client_message::terminate) {
                pass_run(rest.data());
                say_goodbye();
                return bytes.size();
            }
            if (uses_foreign_statement(event)) {
                pass_run(rest.data());
                ask_for_no_statement();
                is_forwarding_ = false;
            } else {
                is_forwarding_ = relay_beginning(event);
            }
        }
        if (event.found.any()) note_features(event.found);
        if (!is_forwarding_) {
            pass_run(rest.data());
            run = rest.data() + event.size;
        }
        rest.remove_prefix(event.size);
    }
    pass_run(rest.data());
    return bytes.size() - rest.size();
}

bool session::relay_beginning(const wire::client_event& event) noexcept
{
    auto& owed = server_->owed();
    // The rest of a COPY that the server has ended with an error already.
    if (event.is_copy() && !owed.is_copying_in() && owed.is_empty() && !owed.batch_open()) return false;
    if (event.message != wire::client_message::flush && event.message != wire::client_message::copy_data) {
        owed.sent(event.message);
    }
    note_unnamed(event);
    return true;
}

void session::note_unnamed(const wire::client_event& event) noexcept
{
    const bool is_unnamed = event.statement.empty();
    switch (event.message) {
    case wire::client_message::query:  // drops it
        unnamed_ = unnamed::settled;
        return;
    case wire::client_message::parse:
        if (is_unnamed) unnamed_ = unnamed::fresh;
        return;
    case wire::client_message::bind:
        if (is_unnamed && unnamed_ == unnamed::fresh) unnamed_ = unnamed::settled;
        return;
    case wire::client_message::close:
        if (is_unnamed && event.target == 'S') unnamed_ = unnamed::settled;
        return;
    case wire::client_message::sync:
        if (unnamed_ == unnamed::fresh) unnamed_ = unnamed::outlives_batch;
        return;
    default:
        return;
    }
}

bool session::uses_foreign_statement(const wire::client_event& event) const noexcept
{
    if (unnamed_ != unnamed::foreign || !event.statement.empty()) return false;
    return event.message == wire::client_message::bind ||
           (event.message == wire::client_message::describe && event.target == 'S');
}

// In place of such a message: the server itself answers 26000, and in its turn.
void session::ask_for_no_statement() noexcept
{
    auto& out = core_.scratch();
    out.describe('S', "of no name, parsed in an earlier batch");
    server_->owed().sent(wire::client_message::describe);
    if (!server_->send(out.view())) is_server_full_ = true;
}

void session::note_features(wire::session_features found) noexcept
{
    if (!pins_.any()) core_.tallies().pins.add();
    pins_.add(found);
    if (server_ != nullptr) server_->keep();
}

void session::borrow() noexcept
{
    if (auto* const server = pool_.borrow(*this); server != nullptr) got_server(*server);
}

void session::got_server(server_connection& server) noexcept
{
    server_ = &server;
    unnamed_ = unnamed::foreign;
    is_server_full_ = false;
    if (is_pinned()) server.keep();
    if (server.apply_settings(settings_query_)) is_settling_ = !are_settings_proven_;
}

void session::on_lent(server_connection& server) noexcept
{
    got_server(server);
    core_.go_on_later(*this);
}

void session::on_refused(const refusal& why) noexcept
{
    if (is_ended_) return;
    if (wire::is_fatal(why.code, wire::error_phase::session)) {
        fail(why);
        return;
    }
    const auto first = held_.front().empty() ? 'Q' : held_.front().front();
    skips_ = first == 'Q' || first == 'F' ? skip::message : skip::batch;
    write_error(why, false);
    core_.go_on_later(*this);
}

bool session::on_reply(std::string_view bytes) noexcept
{
    if (core_.net().send(handle_, bytes)) return true;
    is_client_full_ = true;
    adjust_limit();
    return false;
}

void session::on_writable() noexcept
{
    is_client_full_ = false;
    if (server_ != nullptr) server_->resume();
    if (!held_.empty()) core_.go_on_later(*this);
    adjust_limit();
}

void session::on_server_writable() noexcept
{
    is_server_full_ = false;
    if (!held_.empty()) core_.go_on_later(*this);
    adjust_reading();
}

void session::on_ready(char /*status*/) noexcept
{
    core_.tallies().queries.add();
    if (is_notice_owed_) on_lease_ending();
    wire::session_features kept;
    if (server_->has_own_parameters()) kept.add(wire::session_feature::set_config);
    if (unnamed_ == unnamed::outlives_batch && server_->is_clean()) {
        kept.add(wire::session_feature::unnamed_statement);
    }
    if (kept.any()) note_features(kept);
    if (!is_pinned() && server_->is_clean() && stream_.at_boundary()) give_back();
    if (!held_.empty()) core_.go_on_later(*this);
    adjust_limit();
}

void session::give_back() noexcept
{
    std::exchange(server_, nullptr)->give_back();
    if (std::exchange(is_server_full_, false)) adjust_reading();
}

void session::adjust_reading() noexcept
{
    if (is_ended_) return;
    auto how = reading::on;
    if (is_server_full_) {
        how = reading::off;
    } else if (held_.size() >= held_most) {
        how = reading::end_only;
    }
    core_.net().set_reading(handle_, how);
}

}  // namespace leasehold::router::relay
