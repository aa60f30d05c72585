#include "gateway/batch.hpp"

#include <leasehold/router/wire/message.hpp>
#include <leasehold/router/wire/message_reader.hpp>
#include <leasehold/router/wire/message_writer.hpp>

namespace leasehold::router {
namespace {

// Local to the transaction, so nothing of it stays on the connection.
constexpr std::string_view prepare_sql = "select pg_catalog.set_config('search_path', $1, true), "
                                         "pg_catalog.set_config('synchronous_commit', 'on', true)";

void write(
    wire::message_writer& to, std::string_view sql, std::span<const std::optional<std::string_view>> values
)
{
    to.parse("", sql).bind("", "", values).describe('P', "").execute("");
}

[[noreturn]] void refuse(const wire::error_fields& said)
{
    const std::string state(said.sqlstate());
    const std::string_view family = std::string_view(state).substr(0, 2);
    auto kind = error_kind::internal;
    std::string code = "database_error";
    if (state == "23505" || state == "23503") {
        kind = error_kind::conflict;
    } else if (state == "57014" || state == "55P03") {
        kind = error_kind::timeout;
        code = "database_timeout";
    } else if (family == "08" || state.starts_with("57P")) {
        kind = error_kind::unavailable;
        code = "database_unavailable";
    } else if (family == "40") {
        kind = error_kind::unavailable;
        code = "database_busy";
    } else if (family == "53") {
        kind = error_kind::unavailable;
        code = "database_exhausted";
    } else if (state == "42501") {
        kind = error_kind::forbidden;
    }
    throw agents::sql_refused(kind, code, state + ": " + std::string(said.message()), state);
}

[[noreturn]] void misfit()
{
    throw error(error_kind::internal, "internal", "the reply of the tenant's database does not fit");
}

void read_columns(std::string_view body, agents::query_result& into)
{
    wire::row_description_reader reader(body);
    while (const auto column = reader.next()) into.columns.emplace_back(column->name);
}

void read_row(std::string_view body, agents::query_result& into)
{
    auto& row = into.rows.emplace_back();
    wire::data_row_reader reader(body);
    while (const auto value = reader.next()) {
        if (value->is_null) {
            row.emplace_back();
        } else {
            row.emplace_back(std::string(value->bytes));
        }
    }
}

}  // namespace

std::string to_batch(const std::vector<agents::statement>& statements, std::string_view schema)
{
    wire::message_writer writer;
    const std::string path = std::string(schema) + ", pg_temp";
    const std::vector<std::optional<std::string_view>> of_path{path};
    write(writer, prepare_sql, of_path);
    for (const auto& one : statements) {
        const std::vector<std::optional<std::string_view>> values(one.values.begin(), one.values.end());
        write(writer, one.sql, values);
    }
    writer.sync();
    return writer.take();
}

std::vector<agents::query_result> to_results(std::string_view reply, std::size_t statements)
{
    std::vector<agents::query_result> results(1);  // the first is the preparation's
    while (!reply.empty()) {
        const auto frame = wire::scan_message(reply);
        if (!frame.is_complete()) misfit();
        reply.remove_prefix(frame.size());
        auto& now = results.back();
        switch (frame.type) {
        case 'T':
            read_columns(frame.body, now);
            break;
        case 'D':
            read_row(frame.body, now);
            break;
        case 'C': {
            wire::body_reader reader(frame.body);
            now.tag = reader.text();
            now.affected = wire::rows_of_tag(now.tag).value_or(0);
            results.emplace_back();
            break;
        }
        case 'I':
            results.emplace_back();
            break;
        case 'E':
            refuse(wire::error_fields(frame.body));
        case 'Z':
            if (results.size() != statements + 2) misfit();
            results.pop_back();
            results.erase(results.begin());
            return results;
        default:
            break;
        }
    }
    misfit();
}

}  // namespace leasehold::router
