#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace leasehold::test {

// True as soon as `holds` does; false at the deadline. What a test waits with instead of a sleep.
inline bool
eventually(const std::function<bool()>& holds, std::chrono::milliseconds patience = std::chrono::seconds(20))
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace leasehold::test
