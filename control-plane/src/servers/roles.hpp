#pragma once

#include "servers/catalog.hpp"

#include <optional>

namespace leasehold::control_plane::servers {

// Empty: there is no such role.
std::optional<bool> may_log_in(database::transaction& tx, std::string_view role);
bool role_exists(database::transaction& tx, std::string_view role);
bool login_exists(session& maintenance, const std::string& name);
void create_role(database::transaction& tx, std::string_view role, std::string_view options);

bool is_member(database::transaction& tx, std::string_view granted, std::string_view member);
void grant_membership(
    database::transaction& tx,
    std::string_view granted,
    std::string_view member,
    std::string_view options_of_16,
    int version
);

// Borrows the owner's rights for the transaction; on 16 and later a creator has only ADMIN, which suffices to
// grant them.
void borrow(database::transaction& tx, std::string_view role, int version);
void give_back(database::transaction& tx, std::string_view role);

std::string identifiers(const database::transaction& tx, const std::vector<std::string>& names);

}  // namespace leasehold::control_plane::servers
