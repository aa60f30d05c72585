#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace leasehold::agent {

// One item in a segment file: length (4 bytes, little endian), CRC-32C of the text (the same), the text
// (JSON).
inline constexpr std::size_t record_head = 8;
inline constexpr std::size_t largest_record = std::size_t{16} << 20U;

std::string to_record(std::string_view text);

enum class record_state : unsigned char
{
    whole,
    damaged,  // its length fits the file, its text does not fit its check sum
    torn,     // no record: the file ends within it, or its length is impossible
};

struct record_view
{
    record_state state = record_state::torn;
    std::string_view text;  // of a whole one
    std::size_t size = 0;   // with its head; 0 when torn
};

// The record that begins at the first of these bytes.
record_view read_record(std::string_view bytes) noexcept;

// Where the records end: behind the last whole one. What follows was being written when the machine stopped.
struct segment_extent
{
    std::size_t end = 0;
    std::size_t records = 0;  // whole ones
    std::size_t damaged = 0;  // among them
};
segment_extent measure_segment(std::string_view bytes) noexcept;

}  // namespace leasehold::agent
