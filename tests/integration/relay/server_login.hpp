#pragma once

#include "relay/verified_server.hpp"
#include "transport/connected_socket.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace leasehold::router::relay::test {

// Where the tests' source of servers logs in: over TLS when `ca_file` is set, with SCRAM.
struct login_facts
{
    std::string host;
    std::uint16_t port = 0;
    std::string database;
    std::string user;
    std::string password;
    std::filesystem::path ca_file;
};

// A blocking login, as simple as it can be: the front lanes' own does this without blocking. Throws.
verified_server log_in_to(const login_facts& where);
// The same way to the same place: CancelRequest, then the end of the stream.
void cancel_at(const login_facts& where, wire::server_pid pid, const wire::server_key& key);

}  // namespace leasehold::router::relay::test
