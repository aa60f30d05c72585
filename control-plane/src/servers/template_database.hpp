#pragma once

#include "servers/catalog.hpp"

namespace leasehold::control_plane::servers {

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
// One that newer ones have superseded; a database that is being made of it holds it up.
void drop_superseded_template(session& maintenance, const std::string& name);

}  // namespace leasehold::control_plane::servers
