#pragma once

#include "server/server_login.hpp"

#include <leasehold/router/directory.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Whether a session is where the directory says, before it serves anybody. One round trip.
namespace leasehold::router {

struct expected_session
{
    expected_session() = default;
    installation_id installation;
    tenant_id tenant;
    std::string tid;
    placement_record placement;
    role_class role = role_class::rw;
    bool has_lease = true;  // false: collapsed mode, only the database is compared
};

enum class verdict : std::uint8_t
{
    right,
    mismatch,    // another database, another tenant's login: quarantine
    stale,       // the placement is newer than our directory
    tampered,    // the lease has altered itself
    in_recovery  // read-only, where writes are wanted
};

struct judgement
{
    verdict is = verdict::right;
    std::string_view why;
};

// The check; it takes no parameters.
std::string_view check_query() noexcept;
// Its row, in its order.
struct seen_session
{
    std::string database;
    std::string session_user;
    std::string current_user;
    bool is_in_recovery = false;
    std::string schema;
    std::string marker;
    std::string groups;    // direct memberships of the session user, sorted, comma-separated
    std::string settings;  // "<database oid>:<setting>" of the session user, sorted, comma-separated
};
seen_session to_seen(const text_row& row);
judgement judge(const expected_session& want, const seen_session& seen);

}  // namespace leasehold::router
