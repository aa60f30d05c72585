#pragma once

#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/session_feature.hpp>
#include <leasehold/router/wire/violation.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leasehold::router::wire {

enum class client_message : std::uint8_t
{
    query,          // Query: owes a ReadyForQuery
    function_call,  // FunctionCall: likewise
    sync,           // Sync: likewise; ends an extended batch
    parse,
    bind,
    describe,
    execute,
    close,
    flush,
    copy_data,
    copy_done,
    copy_fail,
    terminate,
};

// A piece of a client's stream: the first `size` bytes of what next() was given, all of one message. Views
// point there.
struct client_event
{
    enum class kind : std::uint8_t
    {
        need_more,  // size 0: give these bytes again with more behind them (`total` of them at least)
        piece,
        violation,
    };
    kind what = kind::need_more;
    client_message message = client_message::query;
    char type = 0;
    bool begins = false;  // the header is in this piece
    bool ends = false;    // so is the last byte
    std::size_t size = 0;
    std::size_t total =
        0;  // need_more: bytes wanted in all; a beginning piece: the message's size on the wire
    std::string_view statement;  // beginning piece of Parse, Bind, Describe 'S', Close 'S'
    std::string_view portal;     // beginning piece of Bind, Execute, Describe 'P', Close 'P'
    char target = 0;             // Describe, Close: 'S' or 'P'
    session_features found;      // newly seen in this piece; may come with a later piece of a long message
    violation why{};

    // Query, Sync and FunctionCall, and nothing else, end in a ReadyForQuery.
    [[nodiscard]] bool owes_ready() const noexcept
    {
        return message == client_message::query || message == client_message::sync ||
               message == client_message::function_call;
    }
    [[nodiscard]] bool is_copy() const noexcept
    {
        return message == client_message::copy_data || message == client_message::copy_done ||
               message == client_message::copy_fail;
    }
};

// A client's bytes in the query phase. Wants only the header and the names (at most header_size + 2 × 257
// bytes) before it lets a message pass; bodies are passed in whatever pieces they come. No allocation. After
// a violation: always the same violation.
//
//   for (auto rest = buffer; ;) { auto e = stream.next(rest); if (e.what != piece) break; …;
//   rest.remove_prefix(e.size); }
//
// To look at the next message without passing it (is it complete? how long?): scan_message(rest) while
// at_boundary().
class client_stream
{
public:
    [[nodiscard]] client_event next(std::string_view bytes) noexcept;
    // Between two messages.
    [[nodiscard]] bool at_boundary() const noexcept { return left_ == 0; }
    [[nodiscard]] bool is_broken() const noexcept { return !why_.code.empty(); }

private:
    client_event begin(std::string_view bytes) noexcept;
    client_event go_on(client_event event, std::string_view piece) noexcept;
    client_event refuse(violation why) noexcept;

    client_message message_ = client_message::query;
    char type_ = 0;
    bool is_scanning_ = false;  // Query and Parse, while its text is not over
    std::size_t left_ = 0;      // bytes of the present message still to come
    session_features reported_;
    word_scan scan_;
    violation why_{};
};

}  // namespace leasehold::router::wire
