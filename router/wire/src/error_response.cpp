#include <leasehold/router/wire/error_response.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace leasehold::router::wire {
namespace {

// "code=… request=… router=…": what an operator needs to find the line in the log.
std::string detail_of(const router_error& what)
{
    std::string detail = "code=";
    detail += what.code;
    if (!what.request_id.empty()) detail.append(" request=").append(what.request_id);
    if (!what.router_id.empty()) detail.append(" router=").append(what.router_id);
    return detail;
}

struct texts
{
    std::string_view message;
    std::string_view hint;
};

texts texts_of(const router_error& what, const error_row* row) noexcept
{
    texts all{what.message, what.hint};
    if (all.message.empty())
        all.message = row == nullptr ? std::string_view("error of the router") : row->message;
    if (all.hint.empty() && row != nullptr) all.hint = row->hint;
    return all;
}

}  // namespace

const error_row* find_error_row(std::string_view code) noexcept
{
    const auto* row = std::find_if(error_rows.begin(), error_rows.end(), [&](const error_row& one) {
        return one.code == code;
    });
    return row == error_rows.end() ? nullptr : row;
}

bool is_fatal(std::string_view code, error_phase when) noexcept
{
    const auto* row = find_error_row(code);
    return when == error_phase::login || row == nullptr || row->how == severity::fatal;
}

bool write_error(message_writer& to, const router_error& what)
{
    const auto* row = find_error_row(what.code);
    const bool fatal = what.force_fatal || is_fatal(what.code, what.when);
    const std::string_view how = fatal ? "FATAL" : "ERROR";
    const auto kind = row == nullptr ? error_kind::internal : row->kind;
    const auto said = texts_of(what, row);
    const auto detail = detail_of(what);
    const std::array<error_field, 6> fields{{
        {'S', how},
        {'V', how},
        {'C', sqlstate_of(kind, what.code)},
        {'M', said.message},
        {'D', detail},
        {'H', said.hint},
    }};
    to.error_response(std::span(fields).first(said.hint.empty() ? fields.size() - 1 : fields.size()));
    return fatal;
}

void write_notice(message_writer& to, const router_error& what)
{
    const auto said = texts_of(what, find_error_row(what.code));
    const auto detail = detail_of(what);
    const std::array<error_field, 6> fields{{
        {'S', "WARNING"},
        {'V', "WARNING"},
        {'C', "01000"},
        {'M', said.message},
        {'D', detail},
        {'H', said.hint},
    }};
    to.notice_response(std::span(fields).first(said.hint.empty() ? fields.size() - 1 : fields.size()));
}

}  // namespace leasehold::router::wire
