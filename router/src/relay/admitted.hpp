#pragma once

#include "relay/pool_key.hpp"
#include "relay/slot_table.hpp"
#include "relay/verified_server.hpp"
#include "transport/connected_socket.hpp"

#include <leasehold/base/uuid.hpp>

#include <compare>
#include <cstdint>
#include <string>

namespace leasehold::router::relay {

// Whose right a session uses: what a kill names.
struct principal
{
    enum class kind_of : std::uint8_t
    {
        none,
        key,
        host,
        grant,
        ticket,
        certificate
    };
    kind_of kind = kind_of::none;
    uuid id;
    friend auto operator<=>(const principal&, const principal&) = default;
};

struct principal_hash
{
    std::size_t operator()(const principal& who) const noexcept
    {
        return std::hash<uuid>{}(who.id) ^ static_cast<std::size_t>(who.kind);
    }
};

// A client that may use one tenant, handed from a front lane to a relay lane, once. Move-only.
// The front lane has sent AuthenticationOk; the relay sends ParameterStatus, BackendKeyData and
// ReadyForQuery, after the first server login of the pool if that one's parameters are not known yet.
struct admitted
{
    connected_socket socket;
    session_slot slot;       // of the lane that gets it
    std::string cancel_key;  // what BackendKeyData carries after slot.client_pid(): 4 bytes (3.0) or 32 (3.2)
    pool_key pool;
    pool_limits limits;
    principal who;
    std::string tid;         // for log lines
    std::string request_id;  // for DETAIL of errors

    // Settings the client brought (start-up parameters and options, white-listed and checked for form). They
    // are SET on each server connection before it serves this session, unless it has just these; the reported
    // values in the ParameterStatus set are replaced by them.
    parameter_set settings;
    bool session_mode = false;  // keeps its server from the first query to the end
    boot_time login_until = boot_time::max();
    boot_time ends_at = boot_time::max();  // of the credential; session_revoked then
    std::string early;  // bytes that the front lane read after the last message of the login
};

}  // namespace leasehold::router::relay
