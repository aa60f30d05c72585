#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// Looks into message bodies. All views point into the caller's bytes; every read is checked against their
// end.
namespace leasehold::router::wire {

// A cursor. A read past the end gives zero or an empty text and turns ok() false for good: read all, then ask
// once.
class body_reader
{
public:
    explicit body_reader(std::string_view body) noexcept : rest_(body) {}

    char byte() noexcept;
    std::int16_t int16() noexcept;
    std::int32_t int32() noexcept;
    std::uint32_t uint32() noexcept;
    std::string_view text() noexcept;  // to its NUL, which is skipped
    std::string_view bytes(std::size_t count) noexcept;
    std::string_view remaining() noexcept;  // all that is left

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] bool at_end() const noexcept { return ok_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool ok_ = true;
};

// ErrorResponse and NoticeResponse. Works on an incomplete body too: find() sees the fields that are there
// whole.
class error_fields
{
public:
    explicit error_fields(std::string_view body) noexcept : body_(body) {}

    [[nodiscard]] std::optional<std::string_view> find(char type) const noexcept;
    [[nodiscard]] std::string_view severity() const noexcept;  // V, else S
    [[nodiscard]] std::string_view sqlstate() const noexcept { return find('C').value_or(""); }
    [[nodiscard]] std::string_view message() const noexcept { return find('M').value_or(""); }
    [[nodiscard]] std::string_view routine() const noexcept { return find('R').value_or(""); }
    [[nodiscard]] bool is_fatal() const noexcept;  // FATAL or PANIC: the server closes

private:
    std::string_view body_;
};

struct row_column
{
    std::string_view name;
    std::uint32_t table_oid;
    std::int16_t column;
    std::uint32_t type_oid;
    std::int16_t type_size;
    std::int32_t type_modifier;
    std::int16_t format;
};

class row_description_reader
{
public:
    explicit row_description_reader(std::string_view body) noexcept;
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    std::optional<row_column> next() noexcept;  // empty after the last, or when the body is broken
    [[nodiscard]] bool ok() const noexcept { return reader_.ok(); }

private:
    body_reader reader_;
    std::size_t count_;
    std::size_t given_ = 0;
};

class data_row_reader
{
public:
    struct value
    {
        bool is_null;
        std::string_view bytes;
    };
    explicit data_row_reader(std::string_view body) noexcept;
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    std::optional<value> next() noexcept;  // empty after the last, or when the body is broken
    [[nodiscard]] bool ok() const noexcept { return ok_ && reader_.ok(); }

private:
    body_reader reader_;
    std::size_t count_;
    std::size_t given_ = 0;
    bool ok_ = true;
};

// CommandComplete's text ("INSERT 0 5", "SET", "DISCARD ALL"), sorted by what it means for session state.
enum class tag_kind : std::uint8_t
{
    other,
    begin,
    commit,
    rollback,
    set,  // also SET LOCAL: the tag does not tell
    reset,
    listen,
    unlisten,
    discard_all,
    discard_other,  // PLANS, SEQUENCES, TEMP
    prepare,
    deallocate,
    deallocate_all,
    declare_cursor,
    close_all,  // CLOSE CURSOR ALL
    load,
    do_block,
};
[[nodiscard]] tag_kind classify_tag(std::string_view tag) noexcept;
// The number at the end of a tag ("SELECT 3" → 3); empty when there is none.
[[nodiscard]] std::optional<std::uint64_t> rows_of_tag(std::string_view tag) noexcept;

}  // namespace leasehold::router::wire
