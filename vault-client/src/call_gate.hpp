#pragma once

#include "signal.hpp"

#include <leasehold/base/task.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace leasehold::vault_client {

// In what order waiting calls to one server's engine go.
enum class call_rank : std::uint8_t
{
    waiting_session,
    rotation,
    renewal,
    revocation
};

// At most N calls at a time per PostgreSQL server: one database config is one mutex at the broker, so more
// would only queue there. Within a rank first come, first served. One lane.
class call_gate : public std::enable_shared_from_this<call_gate>
{
public:
    using work = std::function<task<void>()>;

    call_gate(asio::io_context& on, int at_once, std::size_t longest);

    // False: the queue is full and nothing was taken.
    bool push(const std::string& server, call_rank rank, work what);
    task<void> until_idle();

private:
    struct queue
    {
        int running = 0;
        std::size_t waiting = 0;
        std::array<std::deque<work>, 4> ranks;
    };
    void pump(const std::string& server);
    static task<void> run_one(std::shared_ptr<call_gate> self, std::string server, work what);

    asio::io_context& lane_;
    int at_once_;
    std::size_t longest_;
    std::size_t under_way_ = 0;  // running and queued, all servers
    std::map<std::string, queue> servers_;
    signal idle_;
};

}  // namespace leasehold::vault_client
