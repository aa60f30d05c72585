#pragma once

#include "transport/byte_queue.hpp"

#include <string_view>

namespace leasehold::router::relay {

// Offers what is held, piece by piece, to `take`, which answers how many bytes it used up. Stops when it used
// none.
template <class Take>
void offer_held(byte_queue& held, buffer_pool& buffers, Take&& take)
{
    while (!held.empty()) {
        const auto used = take(held.front());
        if (used > 0) {
            held.consume(buffers, used);
        } else if (!held.widen_front(buffers)) {
            return;
        }
    }
}

// The same with new bytes behind the held ones; what is not used up is held.
template <class Take>
void offer(byte_queue& held, buffer_pool& buffers, std::string_view bytes, Take&& take)
{
    if (!held.empty()) {
        held.append(buffers, bytes);
        offer_held(held, buffers, take);
        return;
    }
    const auto used = take(bytes);
    held.append(buffers, bytes.substr(used));
}

}  // namespace leasehold::router::relay
