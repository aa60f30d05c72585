#pragma once

#include <leasehold/database/session.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace leasehold::control_plane::servers {

// What a tenant server must be. `weight`: refuse = no tenant is placed there; accept = refuse unless the
// server's configuration accepts it by name; warn; list.
enum class weight : std::uint8_t
{
    refuse,
    accept,
    warn,
    list
};

struct finding
{
    std::string check;
    bool ok = false;
    enum weight weight = weight::refuse;
    std::string found;
    std::string want;
    std::string fix;
    bool accepted = false;
};

// Facts that the catalog of the maintenance database does not show: examine() finds them out.
struct tried_facts
{
    bool plain_login_refused = true;   // a login without TLS
    bool lease_network_open = true;    // a lease could log in from a place that is no router
    bool revocation_cuts = true;       // the probe lease's session ended with its revocation, and its role
    bool base_closed = true;           // PUBLIC has nothing in `public` of leasehold_base
    bool large_objects_closed = true;  // nor makes large objects there
};

// All checks, over the provisioner's session in the maintenance database. Blocking.
std::vector<finding> run_preflight(
    database::session& maintenance,
    const tried_facts& tried,
    const std::vector<std::string>& accepted,
    std::int64_t connection_budget
);

// active, or offline where a refusing finding stands.
std::string state_of(const std::vector<finding>& findings);
nlohmann::json to_json(const std::vector<finding>& findings);

std::string version_text(int server_version);  // 15.18

// What a server can lend: max_connections less what it reserves.
std::int64_t usable_connections(database::session& maintenance);

// True when a login without TLS is refused. `where` with its sslmode replaced.
bool is_plain_login_refused(const database::endpoint& where);

}  // namespace leasehold::control_plane::servers
