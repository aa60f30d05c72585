#include <leasehold/base/lane.hpp>
#include <leasehold/base/task.hpp>

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <array>
#include <future>
#include <pthread.h>
#include <stdexcept>

namespace leasehold {
namespace {

TEST(Lane, RunsEverythingOnItsOneThread)
{
    lane one("a name that is too long");
    std::promise<std::pair<std::thread::id, std::string>> first;
    std::promise<std::thread::id> second;
    boost::asio::post(one.context(), [&] {
        std::array<char, 16> name{};
        pthread_getname_np(pthread_self(), name.data(), name.size());
        first.set_value({std::this_thread::get_id(), name.data()});
    });
    boost::asio::post(one.context(), [&] { second.set_value(std::this_thread::get_id()); });
    const auto [id, name] = first.get_future().get();
    EXPECT_EQ(id, second.get_future().get());
    EXPECT_NE(id, std::this_thread::get_id());
    EXPECT_EQ(name, "a name that is ");
}

TEST(Lane, JoinWaitsForWhatIsLeftToDo)
{
    lane one("lane");
    int done = 0;
    boost::asio::post(one.context(), [&] {
        ++done;
        boost::asio::post(one.context(), [&] { ++done; });
    });
    one.join();
    EXPECT_EQ(done, 2);
    one.join();  // safe to call twice
}

TEST(Lane, GoesOnAfterAHandlerThatThrows)
{
    lane one("lane");
    std::promise<void> after;
    boost::asio::post(one.context(), [] { throw std::runtime_error("a fault of ours"); });
    boost::asio::post(one.context(), [&] { after.set_value(); });
    EXPECT_EQ(after.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

}  // namespace
}  // namespace leasehold
