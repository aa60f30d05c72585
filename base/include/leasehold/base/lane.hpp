#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <string>
#include <thread>

namespace leasehold {

// One event loop run by exactly one thread. No strands, no mutexes in what runs on it; between lanes only
// immutable values are posted. Made and joined by the thread that owns it; post() to context() from anywhere.
class lane
{
public:
    explicit lane(std::string name);  // thread name, at most 15 bytes; starts at once
    ~lane();                          // join()
    lane(const lane&) = delete;
    lane& operator=(const lane&) = delete;

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    // Lets the loop end by itself once nothing is left to do, and waits for it. Never from the lane itself.
    void join();

private:
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_;
    std::thread thread_;
};

}  // namespace leasehold
