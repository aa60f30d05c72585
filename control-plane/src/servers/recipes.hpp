#pragma once

#include "servers/names.hpp"

#include <leasehold/database/session.hpp>
#include <leasehold/migrations/chain.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// All SQL that provisioning does to a PostgreSQL server. Blocking; each function takes a session of the
// provisioner (of the superuser where it says so), in the maintenance database unless it says "inside". Each
// may be repeated: it asks the catalog first, and ends by looking, never by believing its own statement.
// Statements run under lock_timeout 2 s.
namespace leasehold::control_plane::servers {

using database::session;

// Once per server, by a superuser: provisioner and broker logins, template owner, the hardened base database,
// PUBLIC closed. Passwords are SCRAM verifiers: the clear text never reaches PostgreSQL. Nothing is looked
// at: is_base_closed() says whether it ran to its end, the preflight whether it is right.
struct bootstrap_verifiers
{
    std::string provisioner;
    std::optional<std::string> broker;  // absent: the broker has changed its own
};
void bootstrap_server(
    session& superuser,
    const bootstrap_verifiers& with,
    const std::function<std::unique_ptr<session>(const std::string& database)>& open_database
);
std::string bootstrap_script(const bootstrap_verifiers& with);  // the same, for psql
bool is_base_closed(session& maintenance);

// Templates.
enum class database_state
{
    absent,
    ready,
    unfinished
};
database_state look_at_template(session& maintenance, const std::string& name);
// True for the one session that may build it, until that session ends: a builder that was killed holds up
// nobody.
bool claim_template(session& maintenance, const std::string& name);
void create_template_database(session& maintenance, const std::string& name);  // open, public closed
void prepare_template(session& inside);                                        // rights of the template owner
void finish_template(session& maintenance, const std::string& name);
void drop_unfinished_template(session& maintenance, const std::string& name);

// Recipe B. Errors: conflict name_taken, internal placement_mismatch.
void create_placement(
    session& maintenance,
    const registry::placement& where,
    const std::string& marker,
    const std::string& template_database,
    int connection_limit
);
// Recipe C, inside the placement's database: one transaction; then the look.
void grant_rights(session& inside, const registry::placement& where, bool advisory_locks);

// Statements of the broker's roles (recipe E), and of their revocation (recipe F).
std::vector<std::string>
creation_statements(role_class what, const registry::placement& where, int server_version);
std::vector<std::string> revocation_statements();

// The gate of suspension: CONNECT of the tenant's login chains. Returns only when the catalog says so.
void close_gate(session& maintenance, const registry::placement& where);
void open_gate(session& maintenance, const registry::placement& where);

// Ends every session of the named login chains on that database, logins in progress and roleless backends
// included; done when two looks in a row, 20 ms apart, found none. Returns how many were ended. Error:
// timeout cut_incomplete after `patience`.
int cut(
    session& maintenance,
    const std::string& database,
    const std::vector<std::string>& login_roles,
    std::chrono::milliseconds patience
);

// How many of them there are now (the same look as cut).
int count_sessions(
    session& maintenance, const std::string& database, const std::vector<std::string>& login_roles
);

// The marker of a database; empty: no such database or no marker.
std::string marker_on(session& maintenance, const std::string& database);
bool database_exists(session& maintenance, const std::string& database);

// Deletion. The marker must match, else placement_mismatch; absent is fine.
void drop_placement_database(
    session& maintenance, const registry::placement& where, const std::string& marker
);
// Lease logins of a tenant that are left, and the placement's own roles. `open_database` gives a session
// inside a database in which a role still owns or holds something (foreign grants), so that it can be taken
// away there.
void drop_lease_logins(
    session& maintenance,
    const std::string& tid,
    const std::function<std::unique_ptr<session>(const std::string& database)>& open_database
);
void drop_placement_roles(
    session& maintenance,
    const registry::placement& where,
    const std::function<std::unique_ptr<session>(const std::string& database)>& open_database
);
std::vector<std::string> roles_left(session& maintenance, const std::string& tid);

// A preflight's proof: a copy of leasehold_base and a login chain of its own that come and go. One at a time
// per server; a probe that was killed is dropped by the next.
inline constexpr std::string_view probe_database = "leasehold_probe";
void create_probe(session& maintenance);  // timeout database_timeout while another session probes
std::vector<std::string> probe_creation_statements(int server_version);
void drop_probe(session& maintenance);
bool login_exists(session& maintenance, const std::string& name);

// What leasehold_base gives to its copies, looked up in one of them.
struct hardening
{
    bool schema_closed = false;         // PUBLIC has nothing in schema public
    bool large_objects_closed = false;  // PUBLIC makes none
};
hardening look_at_hardening(session& inside);

// What the sweeper finds and ends: lease logins past their end, NOLOGIN ones, sessions without role.
struct sweep_counts
{
    int expired_dropped = 0;
    int blocked_dropped = 0;
    int sessions_ended = 0;
    std::vector<std::string> still_blocked;
};
sweep_counts sweep(
    session& maintenance,
    const std::function<std::unique_ptr<session>(const std::string& database)>& open_database,
    std::chrono::seconds expired_for
);

}  // namespace leasehold::control_plane::servers
