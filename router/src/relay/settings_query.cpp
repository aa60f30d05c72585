#include "relay/settings_query.hpp"

#include <leasehold/router/wire/message_writer.hpp>

namespace leasehold::router::relay {
namespace {

// Safe whatever standard_conforming_strings is: quotes are doubled, backslashes make it an escape string.
void append_quoted(std::string& to, std::string_view text)
{
    const bool has_backslash = text.find('\\') != text.npos;
    to += has_backslash ? " E'" : "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') to += c;
        to += c;
    }
    to += '\'';
}

}  // namespace

std::string make_settings_query(const parameter_set& settings)
{
    if (settings.empty()) return {};
    // set_config() takes lists (DateStyle, search_path) as a start-up packet does; SET would quote them
    // whole.
    std::string sql = "RESET ALL; SELECT ";
    bool is_first = true;
    for (const auto& [name, value] : settings) {
        if (!is_first) sql += ", ";
        is_first = false;
        sql += "pg_catalog.set_config(";
        append_quoted(sql, name);
        sql += ", ";
        append_quoted(sql, value);
        sql += ", false)";
    }
    wire::message_writer query;
    query.query(sql);
    return query.take();
}

std::string_view reset_query() noexcept
{
    static constexpr std::string_view message{"Q\0\0\0\x0eRESET ALL\0", 15};
    return message;
}

}  // namespace leasehold::router::relay
