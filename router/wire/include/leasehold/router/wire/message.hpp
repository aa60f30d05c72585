#pragma once

#include <leasehold/router/wire/violation.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

// The frame of every message after start-up: one type byte, a length of four bytes that counts itself, the
// body. message_writer.hpp makes them, message_reader.hpp looks into them.
namespace leasehold::router::wire {

inline constexpr std::size_t header_size = 5;
inline constexpr std::uint32_t message_length_max =
    0x3fff'ffff;                                           // PostgreSQL's own: 1 GiB - 1, both directions
inline constexpr std::uint32_t small_length_max = 10'000;  // messages that carry no payload of the user
inline constexpr std::uint32_t password_length_max = 16 * 1024;  // before authentication
inline constexpr std::uint32_t sasl_length_max = 2 * 1024;
inline constexpr std::uint32_t parse_length_max = 4 * 1024 * 1024;  // what may be buffered whole
inline constexpr std::size_t name_size_max = 256;                   // statement and portal names

enum class direction : std::uint8_t
{
    from_client,
    from_server
};

// Whether `type` exists after authentication in that direction ('p' from a client does not).
[[nodiscard]] bool is_known_type(char type, direction from) noexcept;

// The message that begins at the first byte of a span.
struct message_frame
{
    enum class state : std::uint8_t
    {
        need_more,  // not even a header
        partial,    // header known, body incomplete
        complete,
        refused,  // a length below 4 or above the limit; see why
    };
    state found = state::need_more;
    char type = 0;
    std::uint32_t length = 0;  // the length field: body and its own 4 bytes
    std::string_view body;     // what of the body is there
    violation why{};

    [[nodiscard]] std::size_t size() const noexcept { return std::size_t{length} + 1; }  // on the wire
    [[nodiscard]] bool is_complete() const noexcept { return found == state::complete; }
    [[nodiscard]] bool is_refused() const noexcept { return found == state::refused; }
};

// Judges the length only, not the type. `limit` bounds the length field.
[[nodiscard]] message_frame
scan_message(std::string_view bytes, std::uint32_t limit = message_length_max) noexcept;

[[nodiscard]] inline std::uint32_t load_u32(std::string_view at) noexcept  // requires 4 bytes
{
    const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(at[i])}; };
    return byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
}

}  // namespace leasehold::router::wire
