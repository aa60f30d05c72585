#pragma once

#include <leasehold/database/session.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace leasehold::control_plane::servers {

// What the catalog of a PostgreSQL server shows. All recipes of this folder are blocking; each function takes
// a session of the provisioner (of the superuser where it says so), in the maintenance database unless it
// says "inside". Each may be repeated: it asks the catalog first, and ends by looking, never by believing its
// own statement. Statements run under lock_timeout 2 s.
using database::session;

// A session inside another database of the same server.
using open_inside = std::function<std::unique_ptr<session>(const std::string& database)>;

inline constexpr int version_16 = 160000;

// One short transaction for a look.
template <class Look>
auto look(session& at, Look&& with)
{
    std::invoke_result_t<Look&, database::transaction&> found{};
    at.in_transaction([&](database::transaction& tx) { found = with(tx); });
    return found;
}

struct database_look
{
    bool exists = false;
    bool open = false;
    bool is_template = false;
    std::string owner;
    std::string marker;
    std::string oid;
};
database_look look_at(database::transaction& tx, std::string_view name);

// The marker of a database; empty: no such database or no marker.
std::string marker_on(session& maintenance, const std::string& database);
bool database_exists(session& maintenance, const std::string& database);

// Column "name" of what the query finds.
std::vector<std::string>
names_in(session& maintenance, const database::query& what, const database::params& with = {});

// internal placement_mismatch
[[noreturn]] void mismatch(std::string_view what);

}  // namespace leasehold::control_plane::servers
