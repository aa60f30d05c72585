#pragma once

#include <leasehold/base/error.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/message.hpp>

#include <cstddef>
#include <memory>

namespace leasehold::http {

// What a listener must know before it reads a body.
struct admission
{
    std::size_t body_limit = 0;  // bytes on the wire; above it: 413, unread
    std::size_t unpacked =
        0;  // what it may become besides, unpacked; both count against server_settings::bodies_limit
    bool reads_body = true;  // false: it is answered without (no such route); what follows is not read
};

// What stands behind a listener. `routes` is one. Thread: the listener's lane.
class handler
{
public:
    virtual ~handler() = default;
    // `head` has no body yet.
    [[nodiscard]] virtual admission admit(const incoming& head) const = 0;
    // Before the body is read, which is of `bytes` at most on the wire. What is returned is kept until the
    // answer is out; what is thrown is the answer, and the body stays unread.
    virtual std::shared_ptr<const void> enter(const incoming&, std::size_t) { return nullptr; }
    // Every outcome is a reply; what is thrown ends the connection with 500.
    virtual task<reply> handle(incoming what) = 0;
    // The answer for a request that the listener itself refuses (too large, malformed, too slow, too many).
    virtual reply refuse(const incoming& head, const error& why) = 0;
};

}  // namespace leasehold::http
