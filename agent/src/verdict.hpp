#pragma once

#include <cstdint>
#include <string_view>

namespace leasehold::agent {

// What an answer of the gateway means for the agent.
enum class verdict : std::uint8_t
{
    stored,           // 2xx: committed, or known to be of no use any more
    set_aside,        // this item will never be taken: into rejected/, reported, and on
    token_refused,    // enrollment: wait an hour and say which line of the file to change
    renew,            // the credential has ended: a new one is bought with the key
    credential_dead,  // stop: only a new token helps
    hold,             // keep spooling, ask `self` every 5 minutes
    stop_sending,     // keep the spool, ask `self` every hour
    later,            // wait as told, then with jitter
};

// Pure. `code` is that of the problem document; empty where the answer had none.
verdict judge(int status, std::string_view code) noexcept;

}  // namespace leasehold::agent
