#pragma once

#include <leasehold/database/session.hpp>

#include <string>
#include <string_view>

namespace leasehold::database {

// The one place that makes an error of an SQLSTATE. `where`: a query's name or a step; `message`: the
// server's.
sql_error to_error(std::string_view sqlstate, std::string_view where, std::string_view message);

// Class 08 or 57P, and what ended a session from the server's side: the connection is of no more use.
bool ends_connection(std::string_view sqlstate) noexcept;
// Serialization failure or deadlock: the same work may succeed when it is run again.
bool is_repeatable(std::string_view sqlstate) noexcept;
// A statement of this session was planned for tables that have changed since: a new session does not know the
// old plan.
bool is_stale_plan(std::string_view sqlstate) noexcept;

}  // namespace leasehold::database
