#include <leasehold/router/wire/server_stream.hpp>

#include <algorithm>
#include <array>

namespace leasehold::router::wire {
namespace {

enum class when : std::uint8_t
{
    login,
    query,
    always
};

struct type_row
{
    char type;
    server_message message;
    when allowed;
    bool has_facts;  // wanted as one piece
};

constexpr std::array types{
    type_row{'D', server_message::data_row, when::query, false},
    type_row{'Z', server_message::ready_for_query, when::always, true},
    type_row{'C', server_message::command_complete, when::query, true},
    type_row{'T', server_message::row_description, when::query, false},
    type_row{'1', server_message::parse_complete, when::query, false},
    type_row{'2', server_message::bind_complete, when::query, false},
    type_row{'3', server_message::close_complete, when::query, false},
    type_row{'n', server_message::no_data, when::query, false},
    type_row{'t', server_message::parameter_description, when::query, false},
    type_row{'s', server_message::portal_suspended, when::query, false},
    type_row{'I', server_message::empty_query, when::query, false},
    type_row{'V', server_message::function_result, when::query, false},
    type_row{'d', server_message::copy_data, when::query, false},
    type_row{'c', server_message::copy_done, when::query, false},
    type_row{'E', server_message::error_response, when::always, true},
    type_row{'N', server_message::notice_response, when::always, true},
    type_row{'A', server_message::notification, when::query, true},
    type_row{'S', server_message::parameter_status, when::always, true},
    type_row{'G', server_message::copy_in, when::query, true},
    type_row{'H', server_message::copy_out, when::query, true},
    type_row{'W', server_message::copy_both, when::query, true},
    type_row{'R', server_message::authentication, when::login, true},
    type_row{'K', server_message::backend_key, when::login, true},
    type_row{'v', server_message::negotiate_version, when::login, true},
};

const type_row* find_type(char type) noexcept
{
    const auto* row =
        std::find_if(types.begin(), types.end(), [&](const type_row& one) { return one.type == type; });
    return row == types.end() ? nullptr : row;
}

bool may_be_long(server_message message) noexcept
{
    return message == server_message::error_response || message == server_message::notice_response ||
           message == server_message::notification;
}

// Takes the facts out of a body that is there whole (or, where it may be long, as far as wanted). False:
// malformed.
bool read_facts(server_event& event, std::string_view body) noexcept
{
    body_reader reader(body);
    event.body = body;
    switch (event.message) {
    case server_message::ready_for_query:
        event.status = reader.byte();
        return reader.at_end() && (event.status == 'I' || event.status == 'T' || event.status == 'E');
    case server_message::command_complete:
        event.text = reader.text();
        event.tag = classify_tag(event.text);
        return reader.at_end();
    case server_message::error_response: {
        const error_fields fields(body);
        event.sqlstate = fields.sqlstate();
        event.is_fatal = fields.is_fatal();
        return true;
    }
    case server_message::notification:
        event.pid = reader.uint32();
        event.name = reader.text();
        return reader.ok();
    case server_message::parameter_status:
        event.name = reader.text();
        event.text = reader.text();
        return reader.at_end();
    case server_message::authentication:
        event.code = reader.uint32();
        event.body = reader.remaining();
        return reader.ok();
    case server_message::backend_key:
        event.pid = reader.uint32();
        event.body = reader.remaining();
        return reader.ok() && event.body.size() >= 4 && event.body.size() <= 256;
    default:
        return true;
    }
}

}  // namespace

server_event server_stream::refuse(violation why) noexcept
{
    why_ = why;
    server_event event;
    event.what = server_event::kind::violation;
    event.why = why;
    return event;
}

server_event server_stream::next(std::string_view bytes) noexcept
{
    if (is_broken()) return refuse(why_);
    if (at_boundary()) return begin(bytes);
    server_event event;
    event.message = message_;
    event.type = type_;
    if (bytes.empty()) {
        event.total = 1;
        return event;
    }
    event.what = server_event::kind::piece;
    event.size = std::min(bytes.size(), left_);
    left_ -= event.size;
    event.ends = left_ == 0;
    return event;
}

server_event server_stream::begin(std::string_view bytes) noexcept
{
    server_event event;
    event.total = header_size;
    if (bytes.empty()) return event;
    const auto* row = find_type(bytes.front());
    if (row == nullptr) return refuse(protocol_violation("unknown message type from the server"));
    const bool is_login = phase_ == phase::login;
    if (row->allowed != when::always && (row->allowed == when::login) != is_login)
        return refuse(protocol_violation("message of the server out of place"));
    event.message = row->message;
    event.type = row->type;
    const auto frame = scan_message(bytes);
    if (frame.found == message_frame::state::need_more) return event;
    if (frame.is_refused()) return refuse(frame.why);
    if (row->has_facts) {
        if (frame.size() > fact_size_max && !may_be_long(row->message))
            return refuse(protocol_violation("message of the server is too long"));
        const auto wanted = std::min(frame.size(), fact_size_max);
        if (bytes.size() < wanted) {
            event.total = wanted;
            return event;
        }
        if (!read_facts(event, frame.body))
            return refuse(protocol_violation("message of the server is malformed"));
    }
    event.what = server_event::kind::piece;
    event.begins = true;
    event.total = frame.size();
    event.size = std::min(bytes.size(), frame.size());
    event.ends = event.size == frame.size();
    message_ = event.message;
    type_ = event.type;
    left_ = frame.size() - event.size;
    if (event.message == server_message::ready_for_query) {
        status_ = event.status;
        phase_ = phase::query;
    }
    return event;
}

}  // namespace leasehold::router::wire
