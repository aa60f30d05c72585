#include <leasehold/router/wire/client_stream.hpp>
#include <leasehold/router/wire/message_reader.hpp>

#include <algorithm>
#include <optional>

namespace leasehold::router::wire {
namespace {

std::optional<client_message> message_of(char type) noexcept
{
    switch (type) {
    case 'Q':
        return client_message::query;
    case 'F':
        return client_message::function_call;
    case 'S':
        return client_message::sync;
    case 'P':
        return client_message::parse;
    case 'B':
        return client_message::bind;
    case 'D':
        return client_message::describe;
    case 'E':
        return client_message::execute;
    case 'C':
        return client_message::close;
    case 'H':
        return client_message::flush;
    case 'd':
        return client_message::copy_data;
    case 'c':
        return client_message::copy_done;
    case 'f':
        return client_message::copy_fail;
    case 'X':
        return client_message::terminate;
    default:
        return std::nullopt;
    }
}

// As PostgreSQL limits them, and stricter where a body has no business.
std::uint32_t limit_of(client_message message) noexcept
{
    switch (message) {
    case client_message::sync:
    case client_message::flush:
    case client_message::copy_done:
        return 4;
    case client_message::describe:
    case client_message::execute:
    case client_message::close:
    case client_message::copy_fail:
    case client_message::terminate:
        return small_length_max;
    default:
        return message_length_max;
    }
}

// Reads one name that must end within name_size_max. False: not there yet, or refused.
struct name_reader
{
    std::string_view rest;  // of the body
    bool is_whole;          // `rest` reaches the message's end
    bool lacks = false;
    bool is_wrong = false;

    std::string_view take() noexcept
    {
        if (lacks || is_wrong) return {};
        const auto end = rest.substr(0, name_size_max + 1).find('\0');
        if (end == std::string_view::npos) {
            if (rest.size() > name_size_max || is_whole)
                is_wrong = true;
            else
                lacks = true;
            return {};
        }
        const auto name = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        return name;
    }
    char take_byte() noexcept
    {
        if (rest.empty()) {
            is_wrong = is_wrong || is_whole;
            lacks = lacks || !is_whole;
        }
        if (lacks || is_wrong) return '\0';
        const char byte = rest.front();
        rest.remove_prefix(1);
        return byte;
    }
};

void read_names(client_event& event, name_reader& reader) noexcept
{
    switch (event.message) {
    case client_message::parse:
        event.statement = reader.take();
        break;
    case client_message::bind:
        event.portal = reader.take();
        event.statement = reader.take();
        break;
    case client_message::execute:
        event.portal = reader.take();
        break;
    case client_message::describe:
    case client_message::close:
        event.target = reader.take_byte();
        if (!reader.lacks && event.target != 'S' && event.target != 'P') reader.is_wrong = true;
        (event.target == 'S' ? event.statement : event.portal) = reader.take();
        break;
    default:
        break;
    }
}

}  // namespace

client_event client_stream::refuse(violation why) noexcept
{
    why_ = why;
    client_event event;
    event.what = client_event::kind::violation;
    event.why = why;
    return event;
}

client_event client_stream::next(std::string_view bytes) noexcept
{
    if (is_broken()) return refuse(why_);
    if (at_boundary()) return begin(bytes);
    client_event event;
    event.message = message_;
    event.type = type_;
    if (bytes.empty()) {
        event.total = 1;
        return event;
    }
    const auto piece = bytes.substr(0, left_);
    event.size = piece.size();
    return go_on(event, piece);
}

client_event client_stream::begin(std::string_view bytes) noexcept
{
    client_event event;
    event.total = header_size;
    if (bytes.empty()) return event;
    const auto message = message_of(bytes.front());
    if (!message) return refuse(protocol_violation("unknown message type"));
    event.message = *message;
    event.type = bytes.front();
    const auto frame = scan_message(bytes, limit_of(*message));
    if (frame.found == message_frame::state::need_more) return event;
    if (frame.is_refused()) return refuse(frame.why);

    name_reader names{frame.body, frame.is_complete()};
    read_names(event, names);
    if (names.is_wrong)
        return refuse(protocol_violation("message with a name that does not end, or is too long"));
    if (names.lacks) {
        event.statement = event.portal = {};
        event.total = std::min(frame.size(), bytes.size() + 1);
        return event;
    }
    event.begins = true;
    event.total = frame.size();
    event.size = std::min(bytes.size(), frame.size());
    message_ = event.message;
    type_ = event.type;
    left_ = frame.size();
    is_scanning_ = event.message == client_message::query || event.message == client_message::parse;
    if (is_scanning_) {
        scan_.begin();
        reported_ = {};
    }
    if (event.message == client_message::parse && !event.statement.empty())
        event.found.add(session_feature::named_statement);
    // The SQL begins behind the header, in Parse behind the statement's name too.
    const auto text = event.message == client_message::parse ? names.rest : frame.body;
    left_ -= header_size + frame.body.size() - text.size();
    event.what = client_event::kind::piece;
    return go_on(event, text);
}

// `piece`: what of this event's bytes may be SQL; everything before it is already counted.
client_event client_stream::go_on(client_event event, std::string_view piece) noexcept
{
    event.what = client_event::kind::piece;
    left_ -= piece.size();
    event.ends = left_ == 0;
    if (!is_scanning_) return event;
    const auto end = piece.find('\0');
    scan_.feed(piece.substr(0, end));
    if (event.ends || end != std::string_view::npos) {
        scan_.finish();
        is_scanning_ = false;
    }
    // Each feature is reported once a message.
    event.found.add(scan_.found().without(reported_));
    reported_ = scan_.found();
    return event;
}

}  // namespace leasehold::router::wire
