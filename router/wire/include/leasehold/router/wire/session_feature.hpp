#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leasehold::router::wire {

// What a client may do that outlives its transaction. Each is one bit of `session_features`.
enum class session_feature : std::uint16_t
{
    named_statement = 1U << 0U,     // Parse with a name
    sql_prepare = 1U << 1U,         // PREPARE name AS …
    set = 1U << 2U,                 // SET, RESET; not SET LOCAL, SET TRANSACTION, SET CONSTRAINTS
    set_role = 1U << 3U,            // SET ROLE, SET SESSION AUTHORIZATION
    set_config = 1U << 4U,          // set_config(), UPDATE pg_settings, set_limit()
    do_block = 1U << 5U,            // DO
    listen = 1U << 6U,              // LISTEN
    load = 1U << 7U,                // LOAD
    hold_cursor = 1U << 8U,         // DECLARE … WITH HOLD
    advisory_lock = 1U << 9U,       // pg_advisory_lock() and its kin of the session
    temporary_table = 1U << 10U,    // CREATE TEMP …, SELECT INTO TEMP, pg_temp
    session_function = 1U << 11U,   // dblink_connect(), names written with Unicode escapes: who knows
    unnamed_statement = 1U << 12U,  // Parse without a name that outlives its batch; no scan finds it
};

class session_features
{
public:
    constexpr session_features() noexcept = default;
    constexpr void add(session_feature what) noexcept
    {
        bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(what));
    }
    constexpr void add(session_features other) noexcept
    {
        bits_ = static_cast<std::uint16_t>(bits_ | other.bits_);
    }
    [[nodiscard]] constexpr bool has(session_feature what) const noexcept
    {
        return (bits_ & static_cast<std::uint16_t>(what)) != 0;
    }
    [[nodiscard]] constexpr session_features without(session_features other) const noexcept
    {
        session_features rest;
        rest.bits_ = static_cast<std::uint16_t>(bits_ & ~other.bits_);
        return rest;
    }
    [[nodiscard]] constexpr bool any() const noexcept { return bits_ != 0; }
    friend constexpr bool operator==(session_features, session_features) noexcept = default;

private:
    std::uint16_t bits_ = 0;
};

// Label in metrics (`pins_total{kind}`) and in refusals.
[[nodiscard]] std::string_view to_text(session_feature what) noexcept;

// Finds words in SQL text that comes in pieces. Skips comments, strings and dollar quotes; looks into
// quoted identifiers. Where a string could end in two places (a backslash before its quote), everything after
// counts as SQL: a word that was not meant costs pooling only. Looks at the first 64 KiB. No allocation; one
// pass, a few ns per byte.
class word_scan
{
public:
    static constexpr std::size_t text_max = std::size_t{64} * 1024;

    void begin() noexcept { *this = word_scan{}; }
    // Features found up to here; call finish() after the last piece.
    void feed(std::string_view piece) noexcept;
    void finish() noexcept;
    [[nodiscard]] session_features found() const noexcept { return found_; }

private:
    enum class state : std::uint8_t
    {
        text,
        word,
        quoted_identifier,
        string,
        escape_string,  // E'…'
        line_comment,
        block_comment,
        dollar_tag,  // between the two $ that open
        dollar_string,
    };
    // What the words so far make of the next one.
    enum class head : std::uint8_t
    {
        other,
        set,
        set_session,
        prepare
    };
    static constexpr std::size_t word_max = 32;

    void step(char c) noexcept;
    void in_text(char c) noexcept;
    void in_word(char c) noexcept;
    void in_quoted_identifier(char c) noexcept;
    void in_string(char c) noexcept;
    void in_escape_string(char c) noexcept;
    void in_block_comment(char c) noexcept;
    void in_dollar_tag(char c) noexcept;
    void in_dollar_string(char c) noexcept;
    void begin_word(state kind) noexcept;
    void add_to_word(char c) noexcept;
    void judge() noexcept;
    void judge_after_head(std::string_view word) noexcept;
    void judge_first(std::string_view word) noexcept;
    void judge_anywhere(std::string_view word) noexcept;

    state state_ = state::text;
    head head_ = head::other;
    char last_ = 0;  // the character before, where two make a token
    bool is_ambiguous_ = false;
    bool starts_statement_ = true;
    bool is_declare_ = false;
    bool is_update_ = false;
    bool after_with_ = false;
    bool temp_may_follow_ = false;
    bool after_u_ampersand_ = false;
    bool in_closing_tag_ = false;
    std::uint8_t word_size_ = 0;  // word_max + 1: too long to be one of ours
    std::uint8_t tag_size_ = 0;
    std::uint8_t tag_matched_ = 0;
    std::uint16_t depth_ = 0;  // of block comments
    std::size_t seen_ = 0;
    std::array<char, word_max> word_{};
    std::array<char, word_max> tag_{};
    session_features found_;
};

}  // namespace leasehold::router::wire
