#pragma once

#include <leasehold/router/agents/ports.hpp>

#include <string>
#include <string_view>
#include <vector>

// The statements of one platform call as messages, and its reply as results.
namespace leasehold::router {

// One implicit transaction: everything up to the one Sync commits or nothing does.
std::string to_batch(const std::vector<agents::statement>& statements, std::string_view schema);
// One result per statement. Throws agents::sql_refused for what PostgreSQL refused, internal "internal" for a
// reply that does not fit.
std::vector<agents::query_result> to_results(std::string_view reply, std::size_t statements);

}  // namespace leasehold::router
