#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/secret.hpp>
#include <leasehold/base/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace leasehold::database {

// How to reach one database. Every connection starts with search_path = pg_catalog, pg_temp unless
// `search_path` says otherwise, and with the time limits below set at the server.
struct endpoint
{
    std::vector<std::pair<std::string, std::uint16_t>>
        hosts;  // host name, address or socket folder; the writable one is used
    std::string database;
    std::string user;
    secret<std::string> password;  // empty: peer or certificate
    std::string sslmode = "verify-full";
    std::string ca_file;
    std::string application_name = "leasehold";
    std::string search_path = "pg_catalog, pg_temp";
    std::chrono::milliseconds connect_timeout{3000};
    std::chrono::milliseconds statement_timeout{10000};  // 0: none
    std::chrono::milliseconds lock_timeout{2000};        // 0: none
    bool any_server = false;  // true: a standby will do (default: target_session_attrs=read-write)

    [[nodiscard]] endpoint clone() const;
    [[nodiscard]] bool is_same(const endpoint& other) const;
};

// A statement with a name, which is unique in the program: prepared statement, metric label and log field.
// Both views outlive the program's queries.
struct query
{
    std::string_view name;
    std::string_view sql;
};

// A parameter in text form, or NULL.
class param
{
public:
    param(std::nullptr_t) {}
    param(std::nullopt_t) {}
    param(const char* text) : text_(text) {}
    param(std::string_view text) : text_(text) {}
    param(const std::string& text) : text_(text) {}
    param(std::string&& text) : text_(std::move(text)) {}
    param(bool value) : text_(value ? "t" : "f") {}
    param(const uuid& value) : text_(value.to_string()) {}
    template <class Tag>
    param(const strong_id<Tag>& value) : text_(value.to_string())
    {}
    template <class Number>
    requires(std::is_integral_v<Number> && !std::is_same_v<Number, bool>) param(Number value)
        : text_(std::to_string(value))
    {}
    param(double value);
    param(wall_time value);  // timestamptz, to the microsecond
    template <class T>
    param(const std::optional<T>& value)
    {
        if (value) text_ = param(*value).text_;
    }
    [[nodiscard]] const std::optional<std::string>& text() const noexcept { return text_; }

private:
    std::optional<std::string> text_;
};
using params = std::vector<param>;

// A PostgreSQL array literal of texts, for `= any($1)`.
std::string to_array(const std::vector<std::string>& items);

// One row, copied out of the driver. Fields by position or by name; get throws internal "column_unexpected"
// on NULL, on a name that is not there and on text that does not convert. T: std::string, bool, numbers,
// uuid, strong_id, wall_time (timestamptz).
class row
{
public:
    row(std::shared_ptr<const std::vector<std::string>> names, std::vector<std::optional<std::string>> fields)
        : names_(std::move(names))
        , fields_(std::move(fields))
    {}
    template <class T>
    [[nodiscard]] T get(std::string_view name) const;
    template <class T>
    [[nodiscard]] std::optional<T> find(std::string_view name) const;  // NULL is nullopt
    [[nodiscard]] const std::optional<std::string>& text(std::string_view name) const;
    [[nodiscard]] const std::optional<std::string>& operator[](std::size_t position) const
    {
        return fields_.at(position);
    }
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }

private:
    [[nodiscard]] std::size_t position_of(std::string_view name) const;
    [[noreturn]] static void refuse(std::string_view name, std::string_view why);

    std::shared_ptr<const std::vector<std::string>> names_;
    std::vector<std::optional<std::string>> fields_;
};

// A PostgreSQL error, with its SQLSTATE. Kind and code by SQLSTATE (one table, src/sqlstate.cpp): 23505,
// 23503 conflict; 57014, 55P03, 25P0x timeout "database_timeout"; 08, 57P unavailable "database_unavailable";
// 40 unavailable "database_busy"; 53 unavailable "database_exhausted"; 42501 forbidden; else internal. Code
// "database_error" where none is named here. what() has the query's name and the server's primary message,
// never its DETAIL (which quotes values).
class sql_error : public error
{
public:
    sql_error(
        error_kind kind, std::string code, std::string detail, std::string internal, std::string sqlstate
    );
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

private:
    std::string sqlstate_;
};

// A transaction in work: statements run at once, the result is copied.
class transaction
{
public:
    virtual ~transaction() = default;
    virtual std::vector<row> query_rows(const query& what, const params& with) = 0;
    virtual std::int64_t execute(const query& what, const params& with) = 0;  // rows affected
    // Text assembled by the caller, or several statements in one message. Without parameters; never with user
    // data but through quote_identifier and quote_literal.
    virtual void run_script(std::string_view sql) = 0;
    virtual std::vector<row> run_rows(std::string_view sql) = 0;
    [[nodiscard]] virtual std::string quote_identifier(std::string_view name) const = 0;
    [[nodiscard]] virtual std::string quote_literal(std::string_view text) const = 0;

    template <class... Args>
    std::vector<row> find_all(const query& what, const Args&... args)
    {
        return query_rows(what, params{param(args)...});
    }
    template <class... Args>
    std::optional<row>
    find_one(const query& what, const Args&... args)  // internal "row_unexpected" if there are more
    {
        return at_most_one(what, query_rows(what, params{param(args)...}));
    }
    template <class... Args>
    row get_one(const query& what, const Args&... args)  // internal "row_missing" if there is none
    {
        return exactly_one(what, query_rows(what, params{param(args)...}));
    }
    template <class... Args>
    std::int64_t change(const query& what, const Args&... args)
    {
        return execute(what, params{param(args)...});
    }

private:
    static std::optional<row> at_most_one(const query& what, std::vector<row> rows);
    static row exactly_one(const query& what, std::vector<row> rows);
};

// One connection. Blocking; used by one thread at a time. A lost connection stays lost: every later call
// throws unavailable "database_unavailable".
class session
{
public:
    virtual ~session() = default;
    // Begins, works, commits; rolls back when the work throws. Errors: internal "transaction_aborted" when
    // the work swallowed a failed statement; unavailable "database_commit_in_doubt" when the connection was
    // lost during the commit.
    virtual void in_transaction(const std::function<void(transaction&)>& work) = 0;
    // Outside any transaction (CREATE DATABASE and the like). One statement, no parameters.
    virtual void run_plain(std::string_view sql) = 0;
    virtual std::vector<row> run_plain_rows(std::string_view sql) = 0;
    [[nodiscard]] virtual bool is_lost() const noexcept = 0;
    [[nodiscard]] virtual int server_version() const noexcept = 0;  // 150018
    [[nodiscard]] virtual int backend_pid() const noexcept = 0;
    [[nodiscard]] virtual std::string quote_identifier(std::string_view name) const = 0;
    [[nodiscard]] virtual std::string quote_literal(std::string_view text) const = 0;
    // The notices and warnings of the server since the last call.
    virtual std::vector<std::string> take_notices() = 0;
};

// Opens a connection of its own (provisioning, migrations, tests). Blocks up to connect_timeout, all hosts
// together. Errors: unavailable "database_unavailable" (refused, unreachable, time-out, TLS: cause in
// what()), unauthenticated "database_login_refused" (28xxx), as sql_error where the server said it.
std::unique_ptr<session> connect(const endpoint& where);

}  // namespace leasehold::database

#include <leasehold/database/session_inline.hpp>
