#pragma once

#include "servers/catalog.hpp"

#include <optional>

namespace leasehold::control_plane::servers {

// Once per server, by a superuser: provisioner and broker logins, template owner, the hardened base database,
// PUBLIC closed. Passwords are SCRAM verifiers: the clear text never reaches PostgreSQL. Nothing is looked
// at: is_base_closed() says whether it ran to its end, the preflight whether it is right.
struct bootstrap_verifiers
{
    std::string provisioner;
    std::optional<std::string> broker;  // absent: the broker has changed its own
};
void bootstrap_server(session& superuser, const bootstrap_verifiers& with, const open_inside& open_database);
std::string bootstrap_script(const bootstrap_verifiers& with);  // the same, for psql
bool is_base_closed(session& maintenance);

// What leasehold_base gives to its copies, looked up in one of them.
struct hardening
{
    bool schema_closed = false;         // PUBLIC has nothing in schema public
    bool large_objects_closed = false;  // PUBLIC makes none
};
hardening look_at_hardening(session& inside);

// Signatures of the functions that base takes from PUBLIC and some placements get back.
std::string advisory_functions();

}  // namespace leasehold::control_plane::servers
