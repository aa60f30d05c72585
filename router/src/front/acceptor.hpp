#pragma once

#include "front/front_lane.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace leasehold::router {

// One listener: accepts on the first front lane and hands sockets to the lanes in turn. When descriptors run
// out it refuses with a spare one and pauses, so that nobody hangs in the queue unanswered.
class acceptor
{
public:
    // Binds. Errors: those of open_listener.
    acceptor(address at, std::vector<front_lane*> lanes);
    ~acceptor();
    acceptor(const acceptor&) = delete;
    acceptor& operator=(const acceptor&) = delete;

    void start();
    void close();  // any thread: posts
    [[nodiscard]] const address& bound() const noexcept { return at_; }

private:
    task<void> run();
    bool accept_one();  // false: nothing waits, or nothing can be taken now
    void shed();        // EMFILE

    address at_;
    std::vector<front_lane*> lanes_;
    asio::posix::stream_descriptor listening_;
    std::size_t next_ = 0;
    int spare_ = -1;
    bool is_full_ = false;
};

}  // namespace leasehold::router
