#pragma once

#include <leasehold/database/session.hpp>

#include <libpq-fe.h>

#include <memory>

namespace leasehold::database {

struct connection_closer
{
    void operator()(PGconn* open) const noexcept { PQfinish(open); }
};
using open_connection = std::unique_ptr<PGconn, connection_closer>;

// Opens a connection by libpq itself: libpqxx has no deadline below a second, takes the password in one text
// with everything else and keeps the SQLSTATE of a refusal to itself. Errors as connect() has them.
open_connection dial(const endpoint& where);

}  // namespace leasehold::database
