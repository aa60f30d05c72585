#include <leasehold/database/session.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace leasehold::database {

endpoint endpoint::clone() const
{
    endpoint copy;
    copy.hosts = hosts;
    copy.database = database;
    copy.user = user;
    copy.password = password.clone();
    copy.sslmode = sslmode;
    copy.ca_file = ca_file;
    copy.application_name = application_name;
    copy.search_path = search_path;
    copy.connect_timeout = connect_timeout;
    copy.statement_timeout = statement_timeout;
    copy.lock_timeout = lock_timeout;
    copy.any_server = any_server;
    return copy;
}

bool endpoint::is_same(const endpoint& other) const
{
    const auto plain = [](const endpoint& of) {
        return std::tie(
            of.hosts,
            of.database,
            of.user,
            of.sslmode,
            of.ca_file,
            of.application_name,
            of.search_path,
            of.connect_timeout,
            of.statement_timeout,
            of.lock_timeout,
            of.any_server
        );
    };
    return plain(*this) == plain(other) && equal_in_constant_time(password.reveal(), other.password.reveal());
}

param::param(wall_time value)
{
    const auto exact = std::chrono::floor<std::chrono::microseconds>(value);
    const auto whole = std::chrono::floor<std::chrono::seconds>(exact);
    auto text = to_rfc3339(whole);
    text.replace(text.size() - 4, 3, fmt::format("{:06}", (exact - whole).count()));  // "000Z"
    text_ = std::move(text);
}

param::param(double value)
    : text_(fmt::format("{}", value)) {}  // shortest text that gives the same number back

std::string to_array(const std::vector<std::string>& items)
{
    std::string text = "{";
    for (const auto& item : items) {
        if (text.size() > 1) text += ',';
        text += '"';
        for (const char c : item) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

sql_error::sql_error(
    error_kind kind, std::string code, std::string detail, std::string internal, std::string sqlstate
)
    : error(kind, std::move(code), std::move(detail), std::move(internal))
    , sqlstate_(std::move(sqlstate))
{}

std::size_t row::position_of(std::string_view name) const
{
    const auto found = std::find(names_->begin(), names_->end(), name);
    if (found == names_->end()) refuse(name, "is not in the result");
    return static_cast<std::size_t>(found - names_->begin());
}

void row::refuse(std::string_view name, std::string_view why)
{
    throw error(
        error_kind::internal,
        "column_unexpected",
        "the database gave an unexpected answer",
        fmt::format("column {} {}", name, why)
    );
}

const std::optional<std::string>& row::text(std::string_view name) const
{
    return fields_[position_of(name)];
}

std::optional<row> transaction::at_most_one(const query& what, std::vector<row> rows)
{
    if (rows.size() > 1) {
        throw error(
            error_kind::internal,
            "row_unexpected",
            "the database gave an unexpected answer",
            fmt::format("{} gave {} rows", what.name, rows.size())
        );
    }
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

row transaction::exactly_one(const query& what, std::vector<row> rows)
{
    auto found = at_most_one(what, std::move(rows));
    if (!found) {
        throw error(
            error_kind::internal,
            "row_missing",
            "the database gave an unexpected answer",
            fmt::format("{} gave no row", what.name)
        );
    }
    return std::move(*found);
}

namespace detail {

bool read(const std::string& text, bool& value) noexcept
{
    value = text == "t";
    return text == "t" || text == "f";
}

bool read(const std::string& text, wall_time& value) noexcept
{
    // Sessions run in UTC with ISO dates: "2026-11-03 09:15:00.25+00".
    if (!text.ends_with("+00")) return false;
    const auto parsed = parse_rfc3339(text + ":00");
    if (parsed) value = *parsed;
    return parsed.has_value();
}

bool read(const std::string& text, uuid& value) noexcept
{
    const auto parsed = uuid::parse(text);
    if (parsed) value = *parsed;
    return parsed.has_value();
}

}  // namespace detail
}  // namespace leasehold::database
