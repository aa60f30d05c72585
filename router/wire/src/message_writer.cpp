#include <leasehold/base/secret.hpp>
#include <leasehold/router/wire/message_writer.hpp>

#include <utility>

namespace leasehold::router::wire {
namespace {

constexpr std::int32_t sasl = 10;
constexpr std::int32_t sasl_continue = 11;
constexpr std::int32_t sasl_final = 12;
constexpr std::uint32_t code_cancel = 80877102;
constexpr std::uint32_t code_ssl = 80877103;
constexpr std::uint32_t code_gssenc = 80877104;

std::int16_t count16(std::size_t n) noexcept
{
    return static_cast<std::int16_t>(n);
}

}  // namespace

std::string message_writer::take() noexcept
{
    return std::exchange(buffer_, {});
}

void message_writer::wipe() noexcept
{
    leasehold::wipe(buffer_);
    buffer_.clear();
}

message_writer& message_writer::begin(char type)
{
    buffer_ += type;
    return untyped();
}

message_writer& message_writer::untyped()
{
    length_at_ = buffer_.size();
    return uint32(0);
}

message_writer& message_writer::end() noexcept
{
    const auto length = static_cast<std::uint32_t>(buffer_.size() - length_at_);
    for (std::size_t i = 0; i < 4; ++i)
        buffer_[length_at_ + i] = static_cast<char>(static_cast<std::uint8_t>(length >> (24U - 8U * i)));
    return *this;
}

message_writer& message_writer::byte(char value)
{
    buffer_ += value;
    return *this;
}

message_writer& message_writer::int16(std::int16_t value)
{
    const auto bits = static_cast<std::uint16_t>(value);
    return byte(static_cast<char>(static_cast<std::uint8_t>(bits >> 8U)))
        .byte(static_cast<char>(static_cast<std::uint8_t>(bits)));
}

message_writer& message_writer::int32(std::int32_t value)
{
    return uint32(static_cast<std::uint32_t>(value));
}

message_writer& message_writer::uint32(std::uint32_t value)
{
    for (std::size_t i = 0; i < 4; ++i)
        byte(static_cast<char>(static_cast<std::uint8_t>(value >> (24U - 8U * i))));
    return *this;
}

message_writer& message_writer::text(std::string_view value)
{
    buffer_ += value.substr(0, value.find('\0'));
    return byte('\0');
}

message_writer& message_writer::bytes(std::string_view value)
{
    buffer_ += value;
    return *this;
}

message_writer& message_writer::bare(char type)
{
    return begin(type).end();
}

message_writer& message_writer::fields(char type, std::span<const error_field> all)
{
    begin(type);
    for (const auto& field : all) byte(field.type).text(field.text);
    return byte('\0').end();
}

message_writer& message_writer::authentication_ok()
{
    return begin('R').int32(0).end();
}

message_writer& message_writer::authentication_cleartext_password()
{
    return begin('R').int32(3).end();
}

message_writer& message_writer::authentication_sasl(std::initializer_list<std::string_view> mechanisms)
{
    return authentication_sasl(std::span<const std::string_view>(mechanisms.begin(), mechanisms.size()));
}

message_writer& message_writer::authentication_sasl(std::span<const std::string_view> mechanisms)
{
    begin('R').int32(sasl);
    for (const auto mechanism : mechanisms) text(mechanism);
    return byte('\0').end();
}

message_writer& message_writer::authentication_sasl_continue(std::string_view data)
{
    return begin('R').int32(sasl_continue).bytes(data).end();
}

message_writer& message_writer::authentication_sasl_final(std::string_view data)
{
    return begin('R').int32(sasl_final).bytes(data).end();
}

message_writer& message_writer::backend_key_data(std::uint32_t pid, std::string_view key)
{
    return begin('K').uint32(pid).bytes(key).end();
}

message_writer& message_writer::parameter_status(std::string_view name, std::string_view value)
{
    return begin('S').text(name).text(value).end();
}

message_writer& message_writer::ready_for_query(char status)
{
    return begin('Z').byte(status).end();
}

message_writer& message_writer::error_response(std::span<const error_field> all)
{
    return fields('E', all);
}

message_writer& message_writer::notice_response(std::span<const error_field> all)
{
    return fields('N', all);
}

message_writer&
message_writer::negotiate_protocol_version(std::uint32_t newest, std::span<const std::string_view> unknown)
{
    begin('v').uint32(newest).int32(static_cast<std::int32_t>(unknown.size()));
    for (const auto name : unknown) text(name);
    return end();
}

message_writer& message_writer::parse_complete()
{
    return bare('1');
}

message_writer& message_writer::bind_complete()
{
    return bare('2');
}

message_writer& message_writer::close_complete()
{
    return bare('3');
}

message_writer& message_writer::no_data()
{
    return bare('n');
}

message_writer& message_writer::row_description(std::span<const column_description> columns)
{
    begin('T').int16(count16(columns.size()));
    for (const auto& column : columns) {
        text(column.name).uint32(column.table_oid).int16(column.column).uint32(column.type_oid);
        int16(column.type_size).int32(column.type_modifier).int16(column.format);
    }
    return end();
}

message_writer& message_writer::data_row(std::span<const std::optional<std::string_view>> values)
{
    begin('D').int16(count16(values.size()));
    for (const auto& value : values) {
        if (value)
            int32(static_cast<std::int32_t>(value->size())).bytes(*value);
        else
            int32(-1);
    }
    return end();
}

message_writer& message_writer::command_complete(std::string_view tag)
{
    return begin('C').text(tag).end();
}

message_writer& message_writer::empty_query_response()
{
    return bare('I');
}

message_writer& message_writer::startup(std::uint32_t version, std::span<const startup_pair> parameters)
{
    untyped().uint32(version);
    for (const auto& parameter : parameters) text(parameter.name).text(parameter.value);
    return byte('\0').end();
}

message_writer& message_writer::ssl_request()
{
    return untyped().uint32(code_ssl).end();
}

message_writer& message_writer::gssenc_request()
{
    return untyped().uint32(code_gssenc).end();
}

message_writer& message_writer::cancel_request(std::uint32_t pid, std::string_view key)
{
    return untyped().uint32(code_cancel).uint32(pid).bytes(key).end();
}

message_writer& message_writer::password(std::string_view text_value)
{
    return begin('p').text(text_value).end();
}

message_writer& message_writer::sasl_initial_response(std::string_view mechanism, std::string_view data)
{
    return begin('p').text(mechanism).int32(static_cast<std::int32_t>(data.size())).bytes(data).end();
}

message_writer& message_writer::sasl_response(std::string_view data)
{
    return begin('p').bytes(data).end();
}

message_writer& message_writer::query(std::string_view sql)
{
    return begin('Q').text(sql).end();
}

message_writer&
message_writer::parse(std::string_view statement, std::string_view sql, std::span<const std::uint32_t> types)
{
    begin('P').text(statement).text(sql).int16(count16(types.size()));
    for (const auto type : types) uint32(type);
    return end();
}

message_writer& message_writer::bind(
    std::string_view portal,
    std::string_view statement,
    std::span<const std::optional<std::string_view>> values,
    bool binary_results
)
{
    begin('B').text(portal).text(statement).int16(0).int16(count16(values.size()));
    for (const auto& value : values) {
        if (value)
            int32(static_cast<std::int32_t>(value->size())).bytes(*value);
        else
            int32(-1);
    }
    int16(binary_results ? 1 : 0);
    if (binary_results) int16(1);
    return end();
}

message_writer& message_writer::describe(char kind, std::string_view name)
{
    return begin('D').byte(kind).text(name).end();
}

message_writer& message_writer::execute(std::string_view portal, std::int32_t row_limit)
{
    return begin('E').text(portal).int32(row_limit).end();
}

message_writer& message_writer::close(char kind, std::string_view name)
{
    return begin('C').byte(kind).text(name).end();
}

message_writer& message_writer::sync()
{
    return bare('S');
}

message_writer& message_writer::flush()
{
    return bare('H');
}

message_writer& message_writer::terminate()
{
    return bare('X');
}

message_writer& message_writer::copy_data(std::string_view data)
{
    return begin('d').bytes(data).end();
}

message_writer& message_writer::copy_done()
{
    return bare('c');
}

message_writer& message_writer::copy_fail(std::string_view reason)
{
    return begin('f').text(reason).end();
}

}  // namespace leasehold::router::wire
