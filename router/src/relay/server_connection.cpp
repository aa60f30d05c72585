#include "relay/server_connection.hpp"

#include "relay/held_bytes.hpp"
#include "relay/lane_core.hpp"
#include "relay/pool.hpp"
#include "relay/settings_query.hpp"

#include <algorithm>
#include <utility>

namespace leasehold::router::relay {
namespace {

constexpr std::string_view out_of_memory = "53200";  // the backend may be in any state after it
constexpr std::chrono::seconds lease_grace{1};

constexpr std::string_view rollback_query{"Q\0\0\0\x0dROLLBACK\0", 14};
constexpr std::string_view sync_message{"S\0\0\0\x04", 5};
constexpr std::string_view copy_fail_message{
    "f\0\0\0\x10"
    "client gone\0",
    17};
constexpr std::string_view terminate_message{"X\0\0\0\x04", 5};

}  // namespace

server_connection::server_connection(lane_core& core, pool& of, lease_term& lease, verified_server from)
    : core_(core)
    , pool_(of)
    , lease_(lease)
    , facts_(std::move(from))
{}

server_connection::~server_connection()
{
    held_.clear(core_.buffers());
}

bool server_connection::open(connected_socket socket) noexcept
{
    descriptor_ = socket.descriptor();
    const auto handle = core_.net().add(std::move(socket), *this);
    if (handle) handle_ = *handle;
    return handle.has_value();
}

void server_connection::lend_to(borrower& to) noexcept
{
    borrower_ = &to;
    state_ = state::lent;
    was_fatal_told_ = false;
    if (facts_.hold)
        facts_.hold->last_lent.store(core_.now().time_since_epoch().count(), std::memory_order_relaxed);
}

void server_connection::count_as_lent(int change) noexcept
{
    if (facts_.hold) facts_.hold->lent.fetch_add(change, std::memory_order_relaxed);
}

void server_connection::keep() noexcept
{
    if (std::exchange(is_kept_, true)) return;
    if (facts_.hold) facts_.hold->kept.fetch_add(1, std::memory_order_relaxed);
}

bool server_connection::apply_settings(const std::string& settings_query) noexcept
{
    if (applied_ == settings_query) return false;
    applied_ = settings_query;
    own_reports_.clear();
    is_settling_ = true;
    has_failed_settings_ = false;
    owed_.sent(wire::client_message::query, wire::reply::skip);
    core_.net().send(handle_, applied_.empty() ? reset_query() : std::string_view(applied_));
    return true;
}

bool server_connection::send(std::string_view bytes) noexcept
{
    return core_.net().send(handle_, bytes);
}

bool server_connection::is_in_transaction() const noexcept
{
    const char status = stream_.transaction_status();
    return status != 0 && status != 'I';  // 0: nothing was asked yet
}

bool server_connection::is_clean() const noexcept
{
    return !owes() && !is_in_transaction();
}

void server_connection::resume() noexcept
{
    if (!std::exchange(is_paused_, false)) return;
    core_.net().set_reading(handle_, reading::on);
}

void server_connection::give_back() noexcept
{
    borrower_ = nullptr;
    timer_wheel::disarm(limit_);
    if (is_taking_) {
        state_ = state::returning;
        return;
    }
    pool_.take_back(*this, is_doomed_ || !deviating_.empty());
}

void server_connection::on_bytes(std::string_view bytes) noexcept
{
    core_.tallies().bytes_from_servers.add(bytes.size());
    is_taking_ = true;
    offer(held_, core_.buffers(), bytes, [this](std::string_view piece) { return take(piece); });
    is_taking_ = false;
    if (state_ != state::returning) return;
    const bool is_quiet = held_.empty() && stream_.at_boundary();
    pool_.take_back(*this, is_doomed_ || !is_quiet || !deviating_.empty());
}

// Passes runs of messages on as they lie in the buffer; stops a run only where something is ours to swallow.
std::size_t server_connection::take(std::string_view bytes) noexcept
{
    auto rest = bytes;
    const char* run = rest.data();
    const auto pass_run = [&](const char* end) {
        if (end != run) deliver({run, static_cast<std::size_t>(end - run)});
        run = end;
    };
    while (!rest.empty() && state_ != state::closed) {
        const auto event = stream_.next(rest);
        if (event.what == wire::server_event::kind::need_more) break;
        if (event.what == wire::server_event::kind::violation) {
            pass_run(rest.data());
            lose();
            break;
        }
        if (event.begins) judge(event);
        if (!forwards_) {
            pass_run(rest.data());
            run = rest.data() + event.size;
        }
        rest.remove_prefix(event.size);
        if (event.ends && event.message == wire::server_message::ready_for_query) {
            pass_run(rest.data());
            ready(event.status);
        }
    }
    if (state_ == state::closed) return bytes.size();
    pass_run(rest.data());
    return bytes.size() - rest.size();
}

void server_connection::judge(const wire::server_event& event) noexcept
{
    if (event.is_asynchronous()) {
        judge_asynchronous(event);
        return;
    }
    forwards_ = false;
    if (state_ != state::lent && state_ != state::draining) {  // an idle server has nothing to say
        lose();
        return;
    }
    const auto whose = owed_.received(event);
    if (!whose || event.message == wire::server_message::copy_both) {
        lose();
        return;
    }
    forwards_ = *whose == wire::reply::forward && borrower_ != nullptr;
    if (event.message != wire::server_message::error_response) return;
    if (event.sqlstate == out_of_memory || event.is_fatal) is_doomed_ = true;
    if (event.is_fatal && forwards_) was_fatal_told_ = true;
    if (is_settling_ && !forwards_) {
        has_failed_settings_ = true;
        settings_sqlstate_ = event.sqlstate;
        settings_message_ = wire::error_fields(event.body).message();
    }
}

void server_connection::judge_asynchronous(const wire::server_event& event) noexcept
{
    forwards_ = borrower_ != nullptr;
    if (event.message == wire::server_message::parameter_status) {
        note_parameter(event.name, event.text);
    } else if (is_settling_) {
        forwards_ = false;
    } else if (event.message == wire::server_message::notification && borrower_ == nullptr) {
        is_doomed_ = true;  // it listens for somebody
        if (state_ == state::idle || state_ == state::parked) lose();
    }
}

// A parameter that ends otherwise than it was reported at login, or for the settings in place, was set by
// what the borrower ran: the connection is not like its sisters any more.
void server_connection::note_parameter(std::string_view name, std::string_view value)
{
    const auto find = [&](const parameter_set& in) {
        return std::find_if(in.begin(), in.end(), [&](const auto& one) { return one.first == name; });
    };
    if (is_settling_) {
        own_reports_.emplace_back(name, value);
        return;
    }
    if (name == "in_hot_standby" || facts_.parameters == nullptr) return;
    const auto own = find(own_reports_);
    const auto first = find(*facts_.parameters);
    std::string_view expected;
    if (own != own_reports_.end()) {
        expected = own->second;
    } else if (first != facts_.parameters->end()) {
        expected = first->second;
    }
    const auto known = std::find(deviating_.begin(), deviating_.end(), name);
    if (value == expected) {
        if (known != deviating_.end()) deviating_.erase(known);
    } else if (known == deviating_.end()) {
        deviating_.emplace_back(name);
    }
}

void server_connection::deliver(std::string_view run) noexcept
{
    if (borrower_ == nullptr || borrower_->on_reply(run) || is_paused_ || state_ != state::lent) return;
    is_paused_ = true;
    core_.net().set_reading(handle_, reading::off);
}

void server_connection::ready(char status) noexcept
{
    if (state_ == state::closed) return;
    if (std::exchange(is_settling_, false)) {
        if (has_failed_settings_) is_doomed_ = true;
        if (borrower_ != nullptr) {
            borrower_->on_settings(!has_failed_settings_, settings_sqlstate_, settings_message_);
            return;
        }
        has_failed_settings_ = false;
    }
    if (state_ == state::draining) {
        go_on_draining();
    } else if (borrower_ != nullptr && forwards_) {
        borrower_->on_ready(status);
    }
}

void server_connection::abandon(farewell how, bool is_midway, bool is_kept_from_others) noexcept
{
    borrower_ = nullptr;
    if (state_ == state::closed) return;
    if (how == farewell::cancel && owes()) cancel();
    if (is_midway || (is_kept_from_others && (!owes() || how == farewell::cancel))) {
        close();
        return;
    }
    if (is_kept_from_others) is_doomed_ = true;
    resume();
    state_ = state::draining;
    pool_.note_draining(*this);
    const auto limit = how == farewell::cancel ? pool_.limits().cancel_drain : pool_.limits().stalled;
    core_.wheel().arm<&server_connection::overdue>(limit_, core_.now() + limit, *this);
    if (owed_.is_copying_in()) {
        owed_.sent(wire::client_message::copy_fail, wire::reply::skip);
        core_.net().send(handle_, copy_fail_message);
    }
    if (owed_.batch_open()) {
        owed_.sent(wire::client_message::sync, wire::reply::skip);
        core_.net().send(handle_, sync_message);
    }
    was_rolled_back_ = false;
    go_on_draining();
}

void server_connection::go_on_draining() noexcept
{
    if (!owed_.is_empty() || owed_.ready_owed() > 0) return;
    if (is_doomed_) {
        close();
    } else if (!is_in_transaction()) {
        give_back();
    } else if (!std::exchange(was_rolled_back_, true)) {
        owed_.sent(wire::client_message::query, wire::reply::skip);
        core_.net().send(handle_, rollback_query);
    } else {
        close();
    }
}

void server_connection::overdue() noexcept
{
    if (state_ == state::draining) {
        cancel();
        close();
    } else if (state_ == state::lent) {
        cut(refusals::lease_ended);
    }
}

bool server_connection::may_rest() noexcept
{
    state_ = cancels_under_way_ == 0 ? state::idle : state::parked;
    return state_ == state::idle;
}

void server_connection::cancel() noexcept
{
    if (!facts_.key || cancels_under_way_ > 0 || state_ == state::closed) return;
    ++cancels_under_way_;
    core_.send_cancel(*this);
}

void server_connection::cancel_is_done() noexcept
{
    --cancels_under_way_;
    if (state_ == state::parked && cancels_under_way_ == 0) pool_.take_back(*this, is_doomed_);
}

void server_connection::end_with_lease() noexcept
{
    if (state_ == state::idle || state_ == state::parked) {
        close();
        return;
    }
    is_doomed_ = true;
    core_.tallies().lease_cuts.add();
    if (state_ != state::lent) return;  // draining or returning: it is closed when that is done
    if (!owes()) {
        cut(refusals::lease_ended);
        return;
    }
    cancel();
    core_.wheel().arm<&server_connection::overdue>(limit_, core_.now() + lease_grace, *this);
}

void server_connection::cut(const refusal& why) noexcept
{
    if (state_ == state::closed) return;
    auto* const from = std::exchange(borrower_, nullptr);
    const bool is_told = was_fatal_told_ || is_mid_reply();
    drop();
    if (from != nullptr) from->on_server_gone(why, is_told);
}

void server_connection::drop() noexcept
{
    if (state_ == state::closed) return;
    borrower_ = nullptr;
    if (owes()) cancel();
    close();
}

void server_connection::close() noexcept
{
    if (state_ == state::closed) return;
    if (!owes()) core_.net().send(handle_, terminate_message);
    leave();
}

void server_connection::lose() noexcept
{
    if (state_ == state::closed) return;
    auto* const from = std::exchange(borrower_, nullptr);
    const bool is_told = was_fatal_told_ || is_mid_reply();
    if (from != nullptr) core_.tallies().servers_lost.add();
    leave();
    if (from != nullptr) from->on_server_gone(refusals::server_lost, is_told);
}

void server_connection::leave() noexcept
{
    state_ = state::closed;
    timer_wheel::disarm(limit_);
    core_.net().finish(handle_, transport::patience::none);
    pool_.forget(*this);
    if (is_kept_ && facts_.hold) facts_.hold->kept.fetch_sub(1, std::memory_order_relaxed);
    facts_.hold.reset();
}

void server_connection::on_closed() noexcept
{
    lose();
}

void server_connection::on_writable() noexcept
{
    if (borrower_ != nullptr) borrower_->on_server_writable();
}

}  // namespace leasehold::router::relay
