#pragma once

#include "relay/work.hpp"
#include "transport/transport.hpp"

#include <mutex>
#include <vector>

namespace leasehold::router::relay {

// What other threads want done on a lane, in the order it came. post() from any thread; run() on the lane.
// Shared, so that a promise may outlive its lane: after close() posted work is destroyed instead of run.
class inbox
{
public:
    explicit inbox(transport& to_wake) : transport_(&to_wake) {}

    void post(work what);
    void run();
    void close();

private:
    std::mutex mutex_;
    transport* transport_;  // null: closed
    std::vector<work> waiting_;
    std::vector<work> running_;  // the lane's, kept for its capacity
};

}  // namespace leasehold::router::relay
