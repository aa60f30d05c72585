#pragma once

#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/violation.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leasehold::router::wire {

enum class server_message : std::uint8_t
{
    ready_for_query,    // status
    command_complete,   // text = tag
    error_response,     // body, sqlstate, is_fatal
    notice_response,    // body
    notification,       // pid, name = channel
    parameter_status,   // name, text = value
    copy_in,            // CopyInResponse
    copy_out,           // CopyOutResponse
    copy_both,          // CopyBothResponse: replication, refused by the caller
    authentication,     // code, body after the code
    backend_key,        // pid, body = key of 4 to 256 bytes
    negotiate_version,  // body
    row_description,
    data_row,
    parse_complete,
    bind_complete,
    close_complete,
    no_data,
    parameter_description,
    portal_suspended,
    empty_query,
    function_result,
    copy_data,
    copy_done,
};

// A piece of a server's stream: the first `size` bytes of what next() was given, all of one message. Views
// point there and are set in the beginning piece only.
struct server_event
{
    enum class kind : std::uint8_t
    {
        need_more,
        piece,
        violation
    };
    kind what = kind::need_more;
    server_message message = server_message::data_row;
    char type = 0;
    bool begins = false;
    bool ends = false;
    std::size_t size = 0;
    std::size_t total =
        0;            // need_more: bytes wanted in all; a beginning piece: the message's size on the wire
    char status = 0;  // ready_for_query: 'I', 'T' or 'E'
    bool is_fatal = false;  // error_response: FATAL or PANIC
    tag_kind tag = tag_kind::other;
    std::uint32_t code = 0;  // authentication: 0 ok, 3 clear text, 5 md5, 10 SASL, 11 continue, 12 final, …
    std::uint32_t pid = 0;
    std::string_view sqlstate;
    std::string_view name;
    std::string_view text;
    std::string_view body;
    violation why{};

    // May come at any time and answers nothing.
    [[nodiscard]] bool is_asynchronous() const noexcept
    {
        return message == server_message::notice_response || message == server_message::notification ||
               message == server_message::parameter_status;
    }
};

// A server's bytes from its answer to StartupMessage on. Messages with facts in them come as one piece (up to
// 8 KiB; ErrorResponse and NoticeResponse above that: the facts stand in the first 8 KiB); the rest passes in
// whatever pieces it comes. Before the first ReadyForQuery only messages of a login may come, afterwards only
// those of the query phase; an unknown type is a violation, and so is everything after one. No allocation.
class server_stream
{
public:
    static constexpr std::size_t fact_size_max = std::size_t{8} * 1024;

    enum class phase : std::uint8_t
    {
        login,
        query
    };
    explicit server_stream(phase start = phase::login) noexcept : phase_(start) {}

    [[nodiscard]] server_event next(std::string_view bytes) noexcept;
    [[nodiscard]] bool at_boundary() const noexcept { return left_ == 0; }
    [[nodiscard]] bool is_broken() const noexcept { return !why_.code.empty(); }
    // Status of the last ReadyForQuery; 0 before the first.
    [[nodiscard]] char transaction_status() const noexcept { return status_; }

private:
    server_event begin(std::string_view bytes) noexcept;
    server_event refuse(violation why) noexcept;

    phase phase_;
    server_message message_ = server_message::data_row;
    char type_ = 0;
    char status_ = 0;
    std::size_t left_ = 0;
    violation why_{};
};

}  // namespace leasehold::router::wire
