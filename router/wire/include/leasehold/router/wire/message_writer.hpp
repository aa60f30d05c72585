#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leasehold::router::wire {

struct error_field
{
    char type;  // 'S', 'V', 'C', 'M', 'D', 'H', …
    std::string_view text;
};

struct startup_pair
{
    std::string_view name;
    std::string_view value;
};

struct column_description
{
    std::string_view name;
    std::uint32_t type_oid = 25;  // text
    std::int16_t type_size = -1;
    std::int16_t format = 0;
    std::uint32_t table_oid = 0;
    std::int16_t column = 0;
    std::int32_t type_modifier = -1;
};

// Appends messages to one byte buffer that grows; clear() keeps its memory. Texts must not hold a NUL: a text
// ends at it. A message above 2 GiB is not possible here; callers bound what they put in.
class message_writer
{
public:
    [[nodiscard]] std::string_view view() const noexcept { return buffer_; }
    [[nodiscard]] std::size_t size() const noexcept { return buffer_.size(); }
    [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }
    [[nodiscard]] std::string take() noexcept;
    void clear() noexcept { buffer_.clear(); }
    void wipe() noexcept;  // after a password went through
    void reserve(std::size_t bytes) { buffer_.reserve(bytes); }

    // Building blocks: begin, fields, end.
    message_writer& begin(char type);
    message_writer& end() noexcept;
    message_writer& byte(char value);
    message_writer& int16(std::int16_t value);
    message_writer& int32(std::int32_t value);
    message_writer& uint32(std::uint32_t value);
    message_writer& text(std::string_view value);                         // and its NUL
    message_writer& bytes(std::string_view value);                        // as they are
    message_writer& raw(std::string_view whole) { return bytes(whole); }  // whole messages made elsewhere

    // To clients.
    message_writer& authentication_ok();
    message_writer& authentication_cleartext_password();
    message_writer& authentication_sasl(std::initializer_list<std::string_view> mechanisms);
    message_writer& authentication_sasl(std::span<const std::string_view> mechanisms);
    message_writer& authentication_sasl_continue(std::string_view data);
    message_writer& authentication_sasl_final(std::string_view data);
    message_writer& backend_key_data(std::uint32_t pid, std::string_view key);
    message_writer& parameter_status(std::string_view name, std::string_view value);
    message_writer& ready_for_query(char status);  // 'I', 'T', 'E'
    message_writer& error_response(std::span<const error_field> fields);
    message_writer& notice_response(std::span<const error_field> fields);
    message_writer&
    negotiate_protocol_version(std::uint32_t newest, std::span<const std::string_view> unknown);
    message_writer& parse_complete();
    message_writer& bind_complete();
    message_writer& close_complete();
    message_writer& no_data();
    message_writer& row_description(std::span<const column_description> columns);
    message_writer& data_row(std::span<const std::optional<std::string_view>> values);
    message_writer& command_complete(std::string_view tag);
    message_writer& empty_query_response();

    // To servers.
    message_writer& startup(std::uint32_t version, std::span<const startup_pair> parameters);
    message_writer& ssl_request();
    message_writer& gssenc_request();
    message_writer& cancel_request(std::uint32_t pid, std::string_view key);
    message_writer& password(std::string_view text_value);
    message_writer& sasl_initial_response(std::string_view mechanism, std::string_view data);
    message_writer& sasl_response(std::string_view data);
    message_writer& query(std::string_view sql);
    message_writer&
    parse(std::string_view statement, std::string_view sql, std::span<const std::uint32_t> types = {});
    // All values as text; an empty optional is NULL. Results come as text too, or all binary.
    message_writer& bind(
        std::string_view portal,
        std::string_view statement,
        std::span<const std::optional<std::string_view>> values,
        bool binary_results = false
    );
    message_writer& describe(char kind, std::string_view name);  // 'S' statement, 'P' portal
    message_writer& execute(std::string_view portal, std::int32_t row_limit = 0);
    message_writer& close(char kind, std::string_view name);
    message_writer& sync();
    message_writer& flush();
    message_writer& terminate();
    message_writer& copy_data(std::string_view data);
    message_writer& copy_done();
    message_writer& copy_fail(std::string_view reason);

private:
    message_writer& bare(char type);
    message_writer& untyped();  // begin() of the packets that have no type byte
    message_writer& fields(char type, std::span<const error_field> all);

    std::string buffer_;
    std::size_t length_at_ = 0;  // where the open message's length stands
};

}  // namespace leasehold::router::wire
