#include "header.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace leasehold::migrations {
namespace {

using std::chrono::milliseconds;

[[noreturn]] void refuse(std::string_view name, std::string_view why)
{
    throw error(error_kind::invalid, "migration_header", fmt::format("{}: {}", name, why));
}

milliseconds parse_duration(std::string_view name, std::string_view text)
{
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (failed != std::errc{} || number < 0) refuse(name, fmt::format("'{}' is no duration", text));
    if (unit == "ms") return milliseconds(number);
    if (unit == "s") return std::chrono::seconds(number);
    if (unit == "min" || unit == "m") return std::chrono::minutes(number);
    if (unit == "h") return std::chrono::hours(number);
    refuse(name, fmt::format("'{}' is no duration (250ms, 2s, 5m, 1h)", text));
}

milliseconds bounded(std::string_view name, std::string_view text, milliseconds least, milliseconds most)
{
    const auto value = parse_duration(name, text);
    if (value < least || value > most) refuse(name, fmt::format("'{}' is outside the allowed range", text));
    return value;
}

bool take_word(std::string_view& line, std::string_view word)
{
    if (line.substr(0, word.size()) != word) return false;
    if (line.size() > word.size() && line[word.size()] != ' ') return false;
    line.remove_prefix(word.size());
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return true;
}

void apply_directive(std::string_view name, std::string_view line, directives& into, bool& phase_seen)
{
    const std::string_view whole = line;
    if (take_word(line, "phase")) {
        if (line != "expand" && line != "contract") refuse(name, "phase is 'expand' or 'contract'");
        into.phase = line == "expand" ? phase::expand : phase::contract;
        phase_seen = true;
    } else if (take_word(line, "lock_timeout")) {
        into.lock_timeout = bounded(name, line, milliseconds(100), std::chrono::seconds(10));
    } else if (take_word(line, "statement_timeout")) {
        into.statement_timeout = bounded(name, line, milliseconds(100), std::chrono::hours(1));
    } else if (take_word(line, "no-transaction")) {
        into.no_transaction = true;
    } else if (take_word(line, "repeat")) {
        into.repeat = bounded(name, line, milliseconds(0), std::chrono::minutes(1));
    } else if (take_word(line, "requires") || take_word(line, "allow")) {
        // Read by the contract gate and by the lint; neither changes how a file is applied.
    } else {
        refuse(name, fmt::format("unknown directive '{}'", whole));
    }
}

}  // namespace

directives parse_header(std::string_view name, std::string_view sql)
{
    constexpr std::string_view mark = "-- leasehold: ";
    directives found;
    bool phase_seen = false;
    while (sql.substr(0, mark.size()) == mark) {
        const auto end = std::min(sql.find('\n'), sql.size());
        apply_directive(name, sql.substr(mark.size(), end - mark.size()), found, phase_seen);
        sql.remove_prefix(std::min(end + 1, sql.size()));
    }
    if (!phase_seen) refuse(name, "the first lines must hold '-- leasehold: phase expand' (or contract)");
    return found;
}

std::string normalise_line_ends(std::string_view bytes)
{
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') continue;
        text.push_back(bytes[i]);
    }
    return text;
}

}  // namespace leasehold::migrations
