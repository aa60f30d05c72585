#pragma once

#include <leasehold/database/session.hpp>
#include <leasehold/migrations/chain.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace leasehold::migrations {

struct time_limits
{
    std::chrono::milliseconds lock{2000};
    std::chrono::milliseconds statement{60000};
};

struct apply_settings
{
    std::string schema = "public";
    std::string applied_by;           // "run:<uuid>", "provision:<uuid>", "template:<uuid>"
    std::optional<std::string> role;  // SET LOCAL ROLE first: a template belongs to its owner role
    std::optional<std::string>
        expected_marker;  // the COMMENT the database must carry; else placement_mismatch
    std::optional<std::string> expected_database;
    time_limits limits;  // where a file says nothing else
};

struct applied
{
    int version_before = 0;
    int version_after = 0;
    int contract_version = 0;
    std::string checksum;  // of the chain as it stands now
    int files = 0;         // applied by this call
};

// Brings one database to the expand version of `ours`, in one transaction: takes SHARE ROW EXCLUSIVE on its
// version table (made first where it is missing), reads the version rows, which alone decide what is missing,
// applies each file under its own time limits with its version row behind it, commits, reads back. Killed
// anywhere, it is as if nothing had happened. Blocking, on the caller's thread. `connection` is the caller's
// and is not used otherwise meanwhile. Errors: conflict history_changed, schema_ahead; internal
// placement_mismatch; conflict migration_needs_slow_lane; sql_error with code "migration_failed" whose detail
// names file and SQLSTATE.
applied apply_chain(database::session& connection, const chain& ours, const apply_settings& settings);

// The version rows of a database; empty where there is no version table yet.
std::vector<version_row>
load_version_rows(database::session& connection, partition which, std::string_view schema = "public");

}  // namespace leasehold::migrations
