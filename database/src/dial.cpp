#include "dial.hpp"

#include "sqlstate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <poll.h>
#include <utility>

namespace leasehold::database {
namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A session that forgets its transaction must not hold its locks for ever.
constexpr milliseconds idle_in_transaction_limit{60000};
// Sent and not acknowledged for this long: the server is gone.
constexpr milliseconds unacknowledged_limit{10000};

// One `-c name=value` of the start-up packet. A blank or a backslash within needs a backslash before it.
std::string setting(std::string_view name, std::string_view value)
{
    std::string text = "-c ";
    text += name;
    text += '=';
    for (const char c : value) {
        if (c == ' ' || c == '\\') text += '\\';
        text += c;
    }
    return text + " ";
}

std::string start_up_options(const endpoint& where)
{
    const auto count = [](milliseconds limit) { return std::to_string(limit.count()); };
    return setting("search_path", where.search_path) +
           setting("statement_timeout", count(where.statement_timeout)) +
           setting("lock_timeout", count(where.lock_timeout)) +
           setting("idle_in_transaction_session_timeout", count(idle_in_transaction_limit)) +
           setting("TimeZone", "UTC") + setting("DateStyle", "ISO");
}

// Keywords and values as libpq wants them. The views it is made from must stay.
class keyword_list
{
public:
    void add(const char* name, std::string value)
    {
        names_.push_back(name);
        values_.push_back(std::move(value));
    }
    // `password` is a C string that is neither copied nor kept here.
    open_connection start(const char* password)
    {
        auto names = names_;
        std::vector<const char*> values;
        for (const auto& value : values_) values.push_back(value.c_str());
        if (password != nullptr) {
            names.push_back("password");
            values.push_back(password);
        }
        names.push_back(nullptr);
        values.push_back(nullptr);
        return open_connection(PQconnectStartParams(names.data(), values.data(), 0));
    }

private:
    std::vector<const char*> names_;
    std::vector<std::string> values_;
};

keyword_list keywords_of(const endpoint& where, const std::string& host, std::uint16_t port)
{
    keyword_list all;
    all.add("host", host);
    all.add("port", std::to_string(port));
    all.add("dbname", where.database);
    all.add("user", where.user);
    all.add("passfile", "/nonexistent");  // no password from anywhere but the endpoint
    all.add("sslmode", where.sslmode);
    if (!where.ca_file.empty()) all.add("sslrootcert", where.ca_file);
    all.add("gssencmode", "disable");
    all.add("application_name", where.application_name);
    all.add("client_encoding", "UTF8");
    all.add("options", start_up_options(where));
    all.add("target_session_attrs", where.any_server ? "any" : "read-write");
    all.add("tcp_user_timeout", std::to_string(unacknowledged_limit.count()));
    all.add("keepalives_idle", "10");
    all.add("keepalives_interval", "5");
    all.add("keepalives_count", "3");
    return all;
}

// False at the deadline.
bool wait_for(int socket, short events, steady::time_point deadline)
{
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - steady::now());
        if (left.count() <= 0) return false;
        pollfd one{socket, events, 0};
        const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30)));
        if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error shows in the next step
    }
}

struct refusal
{
    std::string sqlstate;  // empty: the server said nothing
    std::string text;
    bool wants_password = false;  // and none was given: the client library gave up
};

// libpq's message in verbose form: "connection to server at … failed: FATAL:  28P01: password …\nLOCATION:
// …". The word before the SQLSTATE may be in the server's language, the SQLSTATE is not.
refusal read_refusal(std::string_view message)
{
    const auto is_code = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    refusal out;
    for (auto at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
        const auto code = message.substr(at + 3, 5);
        const bool ends = message.substr(at + 8, 1) == ":";
        if (code.size() == 5 && ends && std::all_of(code.begin(), code.end(), is_code)) out.sqlstate = code;
        if (!out.sqlstate.empty()) break;
    }
    out.text = message.substr(0, message.find("\nLOCATION:"));
    while (!out.text.empty() && (out.text.back() == '\n' || out.text.back() == ' ')) out.text.pop_back();
    std::replace(out.text.begin(), out.text.end(), '\n', ' ');
    return out;
}

struct attempt
{
    open_connection open;  // null: `why`
    refusal why;
};

attempt try_host(keyword_list keywords, const char* password, steady::time_point deadline)
{
    auto connection = keywords.start(password);
    if (!connection) return {nullptr, {"", "out of memory"}};
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    auto next = PGRES_POLLING_WRITING;
    while (PQstatus(connection.get()) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) break;
        const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(PQsocket(connection.get()), events, deadline))
            return {nullptr, {"", "no answer in time"}};
        next = PQconnectPoll(connection.get());
    }
    if (PQstatus(connection.get()) == CONNECTION_OK) return {std::move(connection), {}};
    auto why = read_refusal(PQerrorMessage(connection.get()));
    why.wants_password = PQconnectionNeedsPassword(connection.get()) != 0;
    return {nullptr, std::move(why)};
}

// The server was reached and will say the same again, so would its twin.
bool is_final(const refusal& why) noexcept
{
    return why.wants_password || why.sqlstate.starts_with("28") || why.sqlstate.starts_with("3D");
}

[[noreturn]] void refuse(const endpoint& where, const refusal& why)
{
    const auto internal = fmt::format("database {} as {}: {}", where.database, where.user, why.text);
    if (why.wants_password) {
        throw error(
            error_kind::unauthenticated,
            "database_password_missing",
            "the database asks for a password, and none is configured",
            internal
        );
    }
    if (why.sqlstate.starts_with("28")) {
        throw sql_error(
            error_kind::unauthenticated,
            "database_login_refused",
            "the database refused the login",
            internal,
            why.sqlstate
        );
    }
    if (why.sqlstate.empty()) {
        throw error(
            error_kind::unavailable, "database_unavailable", "the database cannot be reached", internal
        );
    }
    throw sql_error(
        error_kind::unavailable,
        "database_unavailable",
        "the database cannot be reached",
        internal,
        why.sqlstate
    );
}

}  // namespace

open_connection dial(const endpoint& where)
{
    // libpq wants a C string. It lives in the arena as well, and libpq wipes its own copy.
    secret<std::string> password;
    if (!where.password.empty()) {
        std::string terminated;
        terminated.reserve(where.password.size() + 1);  // grows once, so no copy is left behind
        terminated += where.password.reveal();
        terminated += '\0';
        password = secret<std::string>::take(std::move(terminated));
    }
    const char* text = password.empty() ? nullptr : password.reveal().data();

    refusal last{"", "no host is configured"};
    const auto deadline = steady::now() + where.connect_timeout;
    auto hosts_left = static_cast<int>(where.hosts.size());
    for (const auto& [host, port] : where.hosts) {
        // Each host gets its share of what is left: one that does not answer must not use up the time of the
        // others.
        const auto now = steady::now();
        const auto share = now + (deadline - now) / hosts_left--;
        auto tried = try_host(keywords_of(where, host, port), text, share);
        if (tried.open) return std::move(tried.open);
        last = std::move(tried.why);
        if (is_final(last)) break;
    }
    refuse(where, last);
}

}  // namespace leasehold::database
