#include <leasehold/base/error.hpp>
#include <leasehold/migrations/apply.hpp>

#include <fmt/format.h>

#include <chrono>

namespace leasehold::migrations {
namespace {

using database::query;
using database::transaction;

constexpr query where_am_i{"migrate_where_am_i", R"(
    select current_database()::text as database,
           pg_catalog.shobj_description(d.oid, 'pg_database') as marker
      from pg_catalog.pg_database d where d.datname = current_database())"};

constexpr query table_exists{"migrate_table_exists", R"(
    select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2)"};

// The same columns in all three chains. Made by the engine, not by a file: the first file needs its row too.
std::string create_version_table(const std::string& table)
{
    return fmt::format(
        R"(create table {} (
    version     integer primary key,
    name        text not null,
    checksum    text not null,
    applied_at  timestamptz not null default pg_catalog.now(),
    duration_ms bigint not null,
    applied_by  text not null))",
        table
    );
}

std::string qualified_table(const transaction& tx, partition which, std::string_view schema)
{
    return tx.quote_identifier(schema) + "." + tx.quote_identifier(version_table_of(which));
}

std::vector<version_row> read_rows(transaction& tx, const std::string& table)
{
    std::vector<version_row> rows;
    for (const auto& row :
         tx.run_rows("select version, name, checksum from " + table + " order by version")) {
        rows.push_back(
            {row.get<int>("version"), row.get<std::string>("name"), row.get<std::string>("checksum")}
        );
    }
    return rows;
}

void check_place(transaction& tx, const apply_settings& settings)
{
    const auto here = tx.get_one(where_am_i);
    const auto database = here.get<std::string>("database");
    const auto marker = here.find<std::string>("marker").value_or("");
    const bool right_name = !settings.expected_database || database == *settings.expected_database;
    const bool right_marker = !settings.expected_marker || marker == *settings.expected_marker;
    if (right_name && right_marker) return;
    throw error(
        error_kind::internal,
        "placement_mismatch",
        "the database behind this placement is not the one it should be",
        fmt::format("in database '{}' with marker '{}'", database, marker)
    );
}

std::string to_sql(const time_limits& limits)
{
    return fmt::format(
        "set local lock_timeout = {}; set local statement_timeout = {};",
        limits.lock.count(),
        limits.statement.count()
    );
}

time_limits limits_of(const directives& head, const time_limits& otherwise)
{
    return {head.lock_timeout.value_or(otherwise.lock), head.statement_timeout.value_or(otherwise.statement)};
}

void apply_file(
    transaction& tx, const migration_file& file, const std::string& table, const apply_settings& settings
)
{
    if (file.is_slow()) {
        throw error(
            error_kind::conflict,
            "migration_needs_slow_lane",
            fmt::format(
                "{} runs outside a transaction or repeats itself: this release applies fast files only",
                file.name
            )
        );
    }
    const auto start = std::chrono::steady_clock::now();
    try {
        tx.run_script(to_sql(limits_of(file.head, settings.limits)));
        tx.run_script(file.sql);
    } catch (const database::sql_error& failed) {
        throw database::sql_error(
            failed.kind(),
            "migration_failed",
            fmt::format("{} failed with SQLSTATE {}", file.name, failed.sqlstate()),
            failed.what(),
            failed.sqlstate()
        );
    }
    const auto took = std::chrono::steady_clock::now() - start;
    tx.run_script(fmt::format(
        "insert into {} (version, name, checksum, duration_ms, applied_by) values ({}, {}, {}, {}, {})",
        table,
        file.number,
        tx.quote_literal(file.name),
        tx.quote_literal(file.checksum),
        std::chrono::duration_cast<std::chrono::milliseconds>(took).count(),
        tx.quote_literal(settings.applied_by)
    ));
}

int highest(const chain& ours, const std::vector<version_row>& rows, phase which)
{
    int found = 0;
    for (const auto& row : rows) {
        for (const auto& file : ours.files()) {
            if (file.number == row.number && file.head.phase == which) found = std::max(found, row.number);
        }
    }
    return found;
}

}  // namespace

applied apply_chain(database::session& connection, const chain& ours, const apply_settings& settings)
{
    applied result;
    connection.in_transaction([&](transaction& tx) {
        tx.run_script(to_sql(settings.limits) + "set local idle_in_transaction_session_timeout = '30s';");
        check_place(tx, settings);
        if (settings.role) tx.run_script("set local role " + tx.quote_identifier(*settings.role));
        tx.run_script("set local search_path = " + tx.quote_identifier(settings.schema) + ", pg_temp");

        const auto table = qualified_table(tx, ours.which(), settings.schema);
        if (!tx.find_one(table_exists, settings.schema, version_table_of(ours.which()))) {
            tx.run_script(create_version_table(table));
        }
        tx.run_script("lock table " + table + " in share row exclusive mode");

        auto rows = read_rows(tx, table);
        result.version_before = highest(ours, rows, phase::expand);
        for (const auto* file : missing_expands(ours, rows)) {
            apply_file(tx, *file, table, settings);
            ++result.files;
        }
        if (result.files > 0) rows = read_rows(tx, table);
        result.version_after = highest(ours, rows, phase::expand);
        result.contract_version = highest(ours, rows, phase::contract);
        result.checksum = chain_checksum(rows);
    });
    return result;
}

std::vector<version_row>
load_version_rows(database::session& connection, partition which, std::string_view schema)
{
    std::vector<version_row> rows;
    connection.in_transaction([&](transaction& tx) {
        if (tx.find_one(table_exists, schema, version_table_of(which))) {
            rows = read_rows(tx, qualified_table(tx, which, schema));
        }
    });
    return rows;
}

}  // namespace leasehold::migrations
