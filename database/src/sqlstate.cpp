#include "sqlstate.hpp"

#include <fmt/format.h>

#include <array>

namespace leasehold::database {
namespace {

struct state_row
{
    std::string_view begins;  // a class or a whole SQLSTATE; the first row that fits counts
    error_kind kind;
    std::string_view code;
    std::string_view detail;
};

constexpr std::array states{
    state_row{"23505", error_kind::conflict, "database_error", "this exists already"},
    state_row{"23P01", error_kind::conflict, "database_error", "this exists already"},
    state_row{"23503", error_kind::conflict, "database_error", "something else refers to this"},
    state_row{"57014", error_kind::timeout, "database_timeout", "the database took too long"},
    state_row{"55P03", error_kind::timeout, "database_timeout", "the database took too long"},
    state_row{"25P0", error_kind::timeout, "database_timeout", "the database took too long"},
    state_row{"08", error_kind::unavailable, "database_unavailable", "the database cannot be reached"},
    state_row{"57P", error_kind::unavailable, "database_unavailable", "the database cannot be reached"},
    state_row{"40", error_kind::unavailable, "database_busy", "too much happens to this data at once"},
    state_row{"53", error_kind::unavailable, "database_exhausted", "the database has no room for more"},
    state_row{"42501", error_kind::forbidden, "database_error", "the database gives no permission for this"},
};

constexpr state_row otherwise{
    "", error_kind::internal, "database_error", "the database refused the statement"};

const state_row& row_of(std::string_view sqlstate) noexcept
{
    for (const auto& row : states) {
        if (sqlstate.starts_with(row.begins)) return row;
    }
    return otherwise;
}

}  // namespace

sql_error to_error(std::string_view sqlstate, std::string_view where, std::string_view message)
{
    while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
    const auto& row = row_of(sqlstate);
    return {
        row.kind,
        std::string(row.code),
        std::string(row.detail),
        fmt::format("{} in {}: {}", sqlstate, where, message),
        std::string(sqlstate)};
}

bool ends_connection(std::string_view sqlstate) noexcept
{
    return sqlstate.starts_with("08") || sqlstate.starts_with("57P") || sqlstate == "25P03" ||
           sqlstate == "25P04";
}

bool is_repeatable(std::string_view sqlstate) noexcept
{
    return sqlstate == "40001" || sqlstate == "40P01";
}

bool is_stale_plan(std::string_view sqlstate) noexcept
{
    return sqlstate == "0A000" || sqlstate == "26000";
}

}  // namespace leasehold::database
