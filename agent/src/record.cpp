#include "record.hpp"

#include <leasehold/base/crypto.hpp>

#include <cstdint>

namespace leasehold::agent {
namespace {

void put(std::string& into, std::uint32_t number)
{
    for (int shift = 0; shift < 32; shift += 8) into.push_back(static_cast<char>((number >> shift) & 0xffU));
}

std::uint32_t get(std::string_view from) noexcept
{
    std::uint32_t number = 0;
    for (std::size_t i = 4; i-- > 0;) number = (number << 8U) | static_cast<unsigned char>(from[i]);
    return number;
}

}  // namespace

std::string to_record(std::string_view text)
{
    std::string record;
    record.reserve(record_head + text.size());
    put(record, static_cast<std::uint32_t>(text.size()));
    put(record, crypto::crc32c(text));
    record += text;
    return record;
}

record_view read_record(std::string_view bytes) noexcept
{
    record_view found;
    if (bytes.size() < record_head) return found;
    const std::size_t length = get(bytes);
    if (length == 0 || length > largest_record || length > bytes.size() - record_head) return found;
    found.size = record_head + length;
    found.text = bytes.substr(record_head, length);
    found.state =
        crypto::crc32c(found.text) == get(bytes.substr(4)) ? record_state::whole : record_state::damaged;
    return found;
}

segment_extent measure_segment(std::string_view bytes) noexcept
{
    segment_extent extent;
    std::size_t damaged = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto one = read_record(bytes.substr(at));
        if (one.state == record_state::torn) break;
        at += one.size;
        if (one.state == record_state::damaged) {
            ++damaged;  // counts only if a whole one follows; else it is the torn tail
            continue;
        }
        ++extent.records;
        extent.end = at;
        extent.damaged = damaged;
    }
    return extent;
}

}  // namespace leasehold::agent
