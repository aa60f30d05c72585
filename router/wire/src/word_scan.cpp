#include <leasehold/router/wire/session_feature.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold::router::wire {
namespace {

struct word_row
{
    std::string_view word;
    session_feature feature;
};

// Statements that are known by their first word.
constexpr std::array first_words{
    word_row{"reset", session_feature::set},
    word_row{"listen", session_feature::listen},
    word_row{"load", session_feature::load},
    word_row{"do", session_feature::do_block},
};

// Functions and schemas that count wherever they stand.
constexpr std::array anywhere{
    word_row{"set_config", session_feature::set_config},
    word_row{"set_limit", session_feature::set_config},  // pg_trgm
    word_row{"pg_advisory_lock", session_feature::advisory_lock},
    word_row{"pg_advisory_lock_shared", session_feature::advisory_lock},
    word_row{"pg_try_advisory_lock", session_feature::advisory_lock},
    word_row{"pg_try_advisory_lock_shared", session_feature::advisory_lock},
    word_row{"pg_temp", session_feature::temporary_table},
    word_row{"dblink_connect", session_feature::session_function},
    word_row{"dblink_connect_u", session_feature::session_function},
};

// Words behind which TEMP means a temporary object, and not a column called so.
constexpr std::array<std::string_view, 5> before_temp{"create", "replace", "local", "global", "into"};

constexpr bool begins_word(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// One look-up a byte: this loop sees every query.
constexpr auto word_bytes = [] {
    std::array<bool, 256> table{};
    for (int i = 0; i < 256; ++i) {
        const auto c = static_cast<char>(static_cast<unsigned char>(i));
        table[static_cast<std::size_t>(i)] = begins_word(c) || is_digit(c);
    }
    return table;
}();

constexpr bool continues_word(char c) noexcept  // but for the dollar sign, which in_word() judges
{
    return word_bytes[static_cast<unsigned char>(c)];
}

constexpr char folded(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_space(char c) noexcept
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

void word_scan::feed(std::string_view piece) noexcept
{
    piece = piece.substr(0, text_max - seen_);
    seen_ += piece.size();
    while (!piece.empty()) {
        if (state_ == state::word) {  // most of any text: taken in runs
            const auto* const end = std::find_if_not(piece.begin(), piece.end(), continues_word);
            const auto run = static_cast<std::size_t>(end - piece.begin());
            for (const char c : piece.substr(0, std::min(run, word_max + 1))) add_to_word(c);
            piece.remove_prefix(run);
            if (piece.empty()) return;
        }
        step(piece.front());
        piece.remove_prefix(1);
    }
}

void word_scan::finish() noexcept
{
    if (state_ == state::word || state_ == state::quoted_identifier) judge();
    state_ = state::text;
}

void word_scan::step(char c) noexcept
{
    switch (state_) {
    case state::text:
        in_text(c);
        break;
    case state::word:
        in_word(c);
        break;
    case state::quoted_identifier:
        in_quoted_identifier(c);
        break;
    case state::string:
        in_string(c);
        break;
    case state::escape_string:
        in_escape_string(c);
        break;
    case state::line_comment:
        if (c == '\n' || c == '\r') state_ = state::text;
        break;
    case state::block_comment:
        in_block_comment(c);
        break;
    case state::dollar_tag:
        in_dollar_tag(c);
        break;
    case state::dollar_string:
        in_dollar_string(c);
        break;
    }
}

void word_scan::in_text(char c) noexcept
{
    const char before = std::exchange(last_, c);
    const bool is_unicode = std::exchange(after_u_ampersand_, false);
    if (continues_word(c)) {
        begin_word(state::word);
        add_to_word(c);
        return;
    }
    if (c == ';') {
        starts_statement_ = true;
        head_ = head::other;
        is_declare_ = is_update_ = after_with_ = temp_may_follow_ = false;
        return;
    }
    if (is_space(c) || is_ambiguous_) return;  // ambiguous: quotes and comments part words, no more
    if (c == '"') {
        if (is_unicode) found_.add(session_feature::session_function);
        begin_word(state::quoted_identifier);
    } else if (c == '\'') {
        state_ = state::string;
        last_ = 0;
    } else if (c == '$') {
        state_ = state::dollar_tag;
        tag_size_ = 0;
    } else if (c == '-' && before == '-') {
        state_ = state::line_comment;
        last_ = 0;
    } else if (c == '*' && before == '/') {
        state_ = state::block_comment;
        depth_ = 1;
        last_ = 0;
    } else if (c != '-' && c != '/') {
        starts_statement_ = false;
    }
}

void word_scan::begin_word(state kind) noexcept
{
    state_ = kind;
    word_size_ = 0;
}

void word_scan::add_to_word(char c) noexcept
{
    if (word_size_ < word_max) word_[word_size_] = folded(c);
    if (word_size_ <= word_max) ++word_size_;
}

void word_scan::in_word(char c) noexcept
{
    if (continues_word(c) || (c == '$' && !is_ambiguous_)) {
        add_to_word(c);
        return;
    }
    const bool is_one = word_size_ == 1 && !is_ambiguous_;
    if (is_one && word_[0] == 'e' && c == '\'') {
        starts_statement_ = false;
        state_ = state::escape_string;
        last_ = 0;
        return;
    }
    const bool is_unicode = is_one && word_[0] == 'u' && c == '&';
    judge();
    state_ = state::text;
    last_ = 0;
    in_text(c);
    after_u_ampersand_ = is_unicode;
}

void word_scan::in_quoted_identifier(char c) noexcept
{
    if (c != '"') {
        add_to_word(c);
        return;
    }
    judge();
    state_ = state::text;
    last_ = 0;
}

void word_scan::in_string(char c) noexcept
{
    if (c == '\'') {
        // With standard_conforming_strings off, or in a continued E'…', the string goes on here.
        is_ambiguous_ = last_ == '\\';
        state_ = state::text;
        starts_statement_ = false;
        last_ = 0;
        return;
    }
    last_ = c;
}

void word_scan::in_escape_string(char c) noexcept
{
    if (last_ == '\\') {
        last_ = 0;
        return;
    }
    if (c == '\'') state_ = state::text;
    last_ = c == '\'' ? '\0' : c;
}

void word_scan::in_block_comment(char c) noexcept
{
    const char before = std::exchange(last_, c);
    if (before == '/' && c == '*') {
        ++depth_;
        last_ = 0;
    } else if (before == '*' && c == '/') {
        last_ = 0;
        if (--depth_ == 0) state_ = state::text;
    }
}

void word_scan::in_dollar_tag(char c) noexcept
{
    if (c == '$') {
        state_ = state::dollar_string;
        in_closing_tag_ = false;
        starts_statement_ = false;
        return;
    }
    const bool fits = begins_word(c) || (tag_size_ > 0 && is_digit(c));
    if (fits && tag_size_ < word_max) {
        tag_[tag_size_++] = c;
        return;
    }
    if (fits) is_ambiguous_ = true;  // a tag too long to keep: where it ends is not known
    state_ = state::text;            // a parameter ($1), or no SQL at all
    last_ = 0;
    in_text(c);
}

void word_scan::in_dollar_string(char c) noexcept
{
    if (c == '$') {
        if (in_closing_tag_ && tag_matched_ == tag_size_) {
            state_ = state::text;
            last_ = 0;
            return;
        }
        in_closing_tag_ = true;
        tag_matched_ = 0;
        return;
    }
    if (!in_closing_tag_) return;
    if (tag_matched_ < tag_size_ && tag_[tag_matched_] == c)
        ++tag_matched_;
    else
        in_closing_tag_ = false;
}

void word_scan::judge() noexcept
{
    const bool is_first = std::exchange(starts_statement_, false) || is_ambiguous_;
    if (word_size_ > word_max) {
        if (head_ != head::other) judge_after_head("");
        after_with_ = temp_may_follow_ = false;
        return;
    }
    const std::string_view word(word_.data(), word_size_);
    if (head_ != head::other)
        judge_after_head(word);
    else if (is_first)
        judge_first(word);
    judge_anywhere(word);
}

void word_scan::judge_after_head(std::string_view word) noexcept
{
    const auto before = std::exchange(head_, head::other);
    if (before == head::prepare) {
        if (word != "transaction") found_.add(session_feature::sql_prepare);
        return;
    }
    if (word == "role" || (before == head::set_session && word == "authorization")) {
        found_.add(session_feature::set_role);
        return;
    }
    if (before == head::set) {
        if (word == "local" || word == "transaction" || word == "constraints") return;
        if (word == "session") {
            head_ = head::set_session;
            return;
        }
    }
    found_.add(session_feature::set);
}

void word_scan::judge_first(std::string_view word) noexcept
{
    if (word == "set")
        head_ = head::set;
    else if (word == "prepare")
        head_ = head::prepare;
    else if (word == "declare")
        is_declare_ = true;
    for (const auto& row : first_words)
        if (row.word == word) found_.add(row.feature);
}

void word_scan::judge_anywhere(std::string_view word) noexcept
{
    if (temp_may_follow_ && (word == "temp" || word == "temporary"))
        found_.add(session_feature::temporary_table);
    if (is_declare_ && after_with_ && word == "hold") found_.add(session_feature::hold_cursor);
    if (is_update_ && word == "pg_settings")
        found_.add(session_feature::set_config);  // a rule calls set_config()
    is_update_ = is_update_ || word == "update";
    after_with_ = word == "with";
    temp_may_follow_ = std::find(before_temp.begin(), before_temp.end(), word) != before_temp.end();
    if (word.size() < 7) return;
    for (const auto& row : anywhere)
        if (row.word == word) found_.add(row.feature);
}

}  // namespace leasehold::router::wire
