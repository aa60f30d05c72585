#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace leasehold::router::wire {

char body_reader::byte() noexcept
{
    const auto one = bytes(1);
    return one.empty() ? '\0' : one.front();
}

std::int16_t body_reader::int16() noexcept
{
    const auto two = bytes(2);
    if (two.empty()) return 0;
    const auto high = static_cast<std::uint8_t>(two[0]);
    const auto low = static_cast<std::uint8_t>(two[1]);
    return static_cast<std::int16_t>(static_cast<std::uint16_t>((high << 8U) | low));
}

std::int32_t body_reader::int32() noexcept
{
    return static_cast<std::int32_t>(uint32());
}

std::uint32_t body_reader::uint32() noexcept
{
    const auto four = bytes(4);
    return four.empty() ? 0 : load_u32(four);
}

std::string_view body_reader::text() noexcept
{
    const auto end = rest_.find('\0');
    if (!ok_ || end == std::string_view::npos) {
        ok_ = false;
        return {};
    }
    const auto found = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return found;
}

std::string_view body_reader::bytes(std::size_t count) noexcept
{
    if (!ok_ || count > rest_.size()) {
        ok_ = false;
        return {};
    }
    const auto found = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return found;
}

std::string_view body_reader::remaining() noexcept
{
    return bytes(rest_.size());
}

std::optional<std::string_view> error_fields::find(char type) const noexcept
{
    body_reader reader(body_);
    while (true) {
        const char one = reader.byte();
        if (one == '\0') return std::nullopt;  // the end, or cut short
        const auto text = reader.text();
        if (!reader.ok()) return std::nullopt;
        if (one == type) return text;
    }
}

std::string_view error_fields::severity() const noexcept
{
    const auto plain = find('V');  // never translated; PostgreSQL 9.6 and newer
    return plain ? *plain : find('S').value_or("");
}

bool error_fields::is_fatal() const noexcept
{
    const auto text = severity();
    return text == "FATAL" || text == "PANIC";
}

namespace {

std::size_t read_count(body_reader& reader) noexcept
{
    const auto count = reader.int16();
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace

row_description_reader::row_description_reader(std::string_view body) noexcept
    : reader_(body)
    , count_(read_count(reader_))
{}

std::optional<row_column> row_description_reader::next() noexcept
{
    if (given_ == count_) return std::nullopt;
    row_column column{};
    column.name = reader_.text();
    column.table_oid = reader_.uint32();
    column.column = reader_.int16();
    column.type_oid = reader_.uint32();
    column.type_size = reader_.int16();
    column.type_modifier = reader_.int32();
    column.format = reader_.int16();
    if (!reader_.ok()) return std::nullopt;
    ++given_;
    return column;
}

data_row_reader::data_row_reader(std::string_view body) noexcept : reader_(body), count_(read_count(reader_))
{}

std::optional<data_row_reader::value> data_row_reader::next() noexcept
{
    if (given_ == count_ || !ok()) return std::nullopt;
    const auto size = reader_.int32();
    ok_ = size >= -1;
    if (!ok()) return std::nullopt;
    value one{size == -1, {}};
    if (!one.is_null) one.bytes = reader_.bytes(static_cast<std::size_t>(size));
    if (!ok()) return std::nullopt;
    ++given_;
    return one;
}

namespace {

struct tag_row
{
    std::string_view tag;
    tag_kind kind;
};

constexpr std::array tags{
    tag_row{"BEGIN", tag_kind::begin},
    tag_row{"START TRANSACTION", tag_kind::begin},
    tag_row{"COMMIT", tag_kind::commit},
    tag_row{"ROLLBACK", tag_kind::rollback},
    tag_row{"SET", tag_kind::set},
    tag_row{"RESET", tag_kind::reset},
    tag_row{"LISTEN", tag_kind::listen},
    tag_row{"UNLISTEN", tag_kind::unlisten},
    tag_row{"DISCARD ALL", tag_kind::discard_all},
    tag_row{"DISCARD PLANS", tag_kind::discard_other},
    tag_row{"DISCARD SEQUENCES", tag_kind::discard_other},
    tag_row{"DISCARD TEMP", tag_kind::discard_other},
    tag_row{"PREPARE", tag_kind::prepare},
    tag_row{"DEALLOCATE", tag_kind::deallocate},
    tag_row{"DEALLOCATE ALL", tag_kind::deallocate_all},
    tag_row{"DECLARE CURSOR", tag_kind::declare_cursor},
    tag_row{"CLOSE CURSOR ALL", tag_kind::close_all},
    tag_row{"LOAD", tag_kind::load},
    tag_row{"DO", tag_kind::do_block},
};

}  // namespace

tag_kind classify_tag(std::string_view tag) noexcept
{
    const auto* row =
        std::find_if(tags.begin(), tags.end(), [&](const tag_row& one) { return one.tag == tag; });
    return row == tags.end() ? tag_kind::other : row->kind;
}

std::optional<std::uint64_t> rows_of_tag(std::string_view tag) noexcept
{
    const auto space = tag.rfind(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto digits = tag.substr(space + 1);
    std::uint64_t rows = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, failed] = std::from_chars(digits.data(), end, rows);
    if (digits.empty() || failed != std::errc{} || stop != end) return std::nullopt;
    return rows;
}

}  // namespace leasehold::router::wire
