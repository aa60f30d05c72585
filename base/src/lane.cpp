#include <leasehold/base/lane.hpp>
#include <leasehold/base/log.hpp>

#include <exception>
#include <pthread.h>
#include <utility>

namespace leasehold {
namespace {

// What a handler throws is a fault of ours; the lane's other sessions are not to pay for it.
void run_to_the_end(boost::asio::io_context& context, const std::string& name)
{
    for (;;) {
        try {
            context.run();
            return;
        } catch (const std::exception& why) {
            log::failure("lane.handler_failed", why, {{"lane", name}});
        }
    }
}

}  // namespace

lane::lane(std::string name)
    : keep_(boost::asio::make_work_guard(context_))
    , thread_([this, name = std::move(name)] {
        pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
        run_to_the_end(context_, name);
    })
{}

lane::~lane()
{
    join();
}

void lane::join()
{
    if (!thread_.joinable()) return;
    keep_.reset();
    thread_.join();
}

}  // namespace leasehold
