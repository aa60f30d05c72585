#pragma once

#include "byte_stream.hpp"

#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>

namespace leasehold::http {

// The kept connections of one client on one event loop. They end with the loop even where the client outlives
// it (blocking callers give every call a loop of its own).
class idle_streams
{
public:
    // Registered with the loop, which empties it at its end.
    static std::shared_ptr<idle_streams> make(asio::execution_context& loop);

    // A connection that still looks alive, the last used first; else none.
    std::unique_ptr<byte_stream> take(std::chrono::milliseconds oldest);
    void keep(std::unique_ptr<byte_stream> stream, std::size_t most);

    void end() noexcept;
    [[nodiscard]] bool belongs_to(const asio::execution_context& loop) const noexcept
    {
        return loop_ == &loop;
    }

private:
    struct kept
    {
        std::unique_ptr<byte_stream> stream;
        std::chrono::steady_clock::time_point since;
    };

    const asio::execution_context* loop_ = nullptr;  // null: it has ended
    std::deque<kept> all_;                           // the last used at the end
};

}  // namespace leasehold::http
