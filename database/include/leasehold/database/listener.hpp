#pragma once

#include <leasehold/database/session.hpp>

#include <functional>
#include <memory>
#include <string>

namespace leasehold::database {

// A thread and a connection of its own that LISTENs on one channel. `on_wake` is called on that thread for
// each notification (payload), and once with an empty payload after every (re)connect, since something may
// have been missed meanwhile. Lost connections are opened again with back-off (100 ms to 5 s). The destructor
// joins.
class listener
{
public:
    listener(endpoint where, std::string channel, std::function<void(std::string_view payload)> on_wake);
    ~listener();
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace leasehold::database
