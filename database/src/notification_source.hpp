#pragma once

#include <leasehold/database/session.hpp>

#include <memory>
#include <string>
#include <vector>

namespace leasehold::database {

// A connection that LISTENs on one channel. Used by one thread.
class notification_source
{
public:
    virtual ~notification_source() = default;
    // Readable when there may be something to take.
    [[nodiscard]] virtual int socket() const noexcept = 0;
    // The payloads that have come since; never waits. Throws unavailable once the connection is lost.
    virtual std::vector<std::string> take() = 0;
};

// Errors as connect() has them.
std::unique_ptr<notification_source> listen(const endpoint& where, const std::string& channel);

}  // namespace leasehold::database
