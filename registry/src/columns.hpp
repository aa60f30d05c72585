#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/database/session.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

// A timestamptz column as RFC 3339 text in UTC, for read_time().
#define LEASEHOLD_UTC(column) "to_char(" column " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

namespace leasehold::registry {

inline wall_time read_time(const database::row& row, std::string_view column)
{
    const auto at = parse_rfc3339(row.get<std::string>(column));
    if (!at) throw error(error_kind::internal, "column_unexpected", "a time of the registry does not parse");
    return *at;
}

inline std::optional<wall_time> find_time(const database::row& row, std::string_view column)
{
    if (!row.text(column)) return std::nullopt;
    return read_time(row, column);
}

inline nlohmann::json read_json(const database::row& row, std::string_view column)
{
    const auto& text = row.text(column);
    return text ? nlohmann::json::parse(*text) : nlohmann::json();
}

// JSON null becomes SQL NULL.
inline std::optional<std::string> to_column(const nlohmann::json& value)
{
    if (value.is_null()) return std::nullopt;
    return value.dump();
}

inline std::optional<std::string> text_or_null(const std::string& value)
{
    if (value.empty()) return std::nullopt;
    return value;
}

}  // namespace leasehold::registry
