#include <leasehold/router/wire/reply_queue.hpp>

namespace leasehold::router::wire {
namespace {

bool owes_ready(client_message message) noexcept
{
    return message == client_message::query || message == client_message::sync ||
           message == client_message::function_call;
}

bool is_extended(client_message message) noexcept
{
    switch (message) {
    case client_message::parse:
    case client_message::bind:
    case client_message::describe:
    case client_message::execute:
    case client_message::close:
        return true;
    default:
        return false;
    }
}

// CopyDone and CopyFail are never answered. They stand in the queue to show which Sync comes behind them.
bool is_marker(client_message message) noexcept
{
    return message == client_message::copy_done || message == client_message::copy_fail;
}

}  // namespace

reply_queue::entry& reply_queue::at(std::size_t index) noexcept
{
    auto* entries = grown_ ? grown_.get() : inline_;
    return entries[(head_ + index) & (capacity_ - 1)];
}

const reply_queue::entry& reply_queue::at(std::size_t index) const noexcept
{
    const auto* entries = grown_ ? grown_.get() : inline_;
    return entries[(head_ + index) & (capacity_ - 1)];
}

void reply_queue::grow()
{
    auto larger = std::make_unique<entry[]>(capacity_ * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = at(i);
    grown_ = std::move(larger);
    capacity_ *= 2;
    head_ = 0;
}

void reply_queue::push(entry what)
{
    if (size_ == capacity_) grow();
    at(size_) = what;
    ++size_;
    if (owes_ready(what.message)) ++ready_owed_;
}

void reply_queue::pop() noexcept
{
    if (owes_ready(at(0).message)) --ready_owed_;
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
}

void reply_queue::drop_markers() noexcept
{
    while (size_ > 0 && is_marker(at(0).message)) pop();
}

void reply_queue::clear() noexcept
{
    head_ = size_ = ready_owed_ = 0;
    batch_open_ = is_skipping_ = is_copying_in_ = false;
}

void reply_queue::sent(client_message message, reply whose)
{
    if (message == client_message::flush || message == client_message::terminate ||
        message == client_message::copy_data)
        return;
    if (is_copying_in_) {
        if (is_marker(message)) is_copying_in_ = false;
        if (is_marker(message) || message == client_message::sync) return;
    }
    if (is_skipping_) {
        if (message != client_message::sync) return;
        is_skipping_ = false;
    }
    if (is_marker(message) && size_ == 0) return;
    push({message, whose});
    if (is_extended(message))
        batch_open_ = true;
    else if (owes_ready(message))
        batch_open_ = false;
}

// Whether the reply fits the message at the front; takes that from the queue when it is its last.
bool reply_queue::answers(const server_event& event) noexcept
{
    const auto front = at(0).message;
    const bool runs = front == client_message::query || front == client_message::execute;
    const auto only = [&](client_message wanted) {
        if (front == wanted) pop();
        return front == wanted;
    };
    switch (event.message) {
    case server_message::ready_for_query:
        if (owes_ready(front)) pop();
        return owes_ready(front);
    case server_message::parse_complete:
        return only(client_message::parse);
    case server_message::bind_complete:
        return only(client_message::bind);
    case server_message::close_complete:
        return only(client_message::close);
    case server_message::no_data:
        return only(client_message::describe);
    case server_message::row_description:
        if (front == client_message::query) return true;
        return only(client_message::describe);
    case server_message::parameter_description:
        return front == client_message::describe;
    case server_message::command_complete:
    case server_message::empty_query:
    case server_message::portal_suspended:
        if (front == client_message::query) return event.message != server_message::portal_suspended;
        return only(client_message::execute);
    case server_message::data_row:
    case server_message::copy_out:
    case server_message::copy_both:
    case server_message::copy_data:
    case server_message::copy_done:
        return runs;
    case server_message::copy_in:
        if (runs) enter_copy_in();
        return runs;
    case server_message::function_result:
        return front == client_message::function_call;
    case server_message::error_response:
        is_copying_in_ = false;
        if (!owes_ready(front)) skip_to_sync();
        return true;
    default:
        return false;
    }
}

std::optional<reply> reply_queue::received(const server_event& event) noexcept
{
    if (event.is_asynchronous()) return reply::forward;
    if (size_ == 0) {
        // A server may say FATAL at any time. And a Sync that we took for swallowed by COPY may have come
        // behind the error that ended it.
        if (event.message == server_message::error_response) return reply::forward;
        if (event.message != server_message::ready_for_query || !is_skipping_) return std::nullopt;
        is_skipping_ = batch_open_ = false;
        return reply::forward;
    }
    const auto whose = at(0).whose;
    if (whose == reply::fake || !answers(event)) return std::nullopt;
    drop_markers();
    return whose;
}

std::optional<client_message> reply_queue::next_fake() noexcept
{
    if (size_ == 0 || at(0).whose != reply::fake) return std::nullopt;
    const auto message = at(0).message;
    pop();
    drop_markers();
    return message;
}

// After an error in an extended batch the server reads on to the next Sync and answers nothing before it: a
// Query in between is passed over too.
void reply_queue::skip_to_sync() noexcept
{
    while (size_ > 0 && at(0).message != client_message::sync) pop();
    is_skipping_ = size_ == 0;
}

// Sync and Flush between CopyInResponse's command and CopyDone or CopyFail are swallowed by the server.
void reply_queue::enter_copy_in() noexcept
{
    is_copying_in_ = true;
    std::size_t kept = 1;
    for (std::size_t i = 1; i < size_; ++i) {
        const auto one = at(i);
        if (is_copying_in_ && is_marker(one.message)) {
            is_copying_in_ = false;
            continue;
        }
        if (is_copying_in_ && one.message == client_message::sync) {
            --ready_owed_;
            batch_open_ = true;
            continue;
        }
        at(kept++) = one;
    }
    size_ = kept;
    // A Sync behind the marker closes the batch again.
    for (std::size_t i = 1; i < size_; ++i)
        if (owes_ready(at(i).message))
            batch_open_ = false;
        else if (is_extended(at(i).message))
            batch_open_ = true;
}

}  // namespace leasehold::router::wire
