#include "lane_driver.hpp"
#include "operations/runner.hpp"
#include "scratch_folder.hpp"

#include <gtest/gtest.h>

namespace leasehold::control_plane::operations {
namespace {

using namespace std::chrono_literals;

database::endpoint nowhere(const test::scratch_folder& folder)
{
    database::endpoint where;
    where.hosts = {{(folder / "no-server").string(), 5432}};
    where.sslmode = "disable";
    return where;
}

// Everything that the lane has to do, up to a number that is far too much.
int turns_until_quiet(asio::io_context& lane, int far_too_many)
{
    int turns = 0;
    lane.restart();
    while (turns < far_too_many && lane.run_one_for(250ms) != 0) ++turns;
    return turns;
}

TEST(Runner, IdleWorkersDoNotWakeEachOther)
{
    const test::scratch_folder folder;
    asio::io_context lane(1);
    database::pool pool(nowhere(folder), 2, 16);
    registry::operations store(pool);
    runner_settings how;
    how.poll = 1h;
    runner idle(lane, store, "test", how);
    idle.start();
    constexpr int far_too_many = 2000;
    EXPECT_LT(turns_until_quiet(lane, far_too_many), far_too_many);

    idle.wake();  // control: they do look when they are woken, and rest again
    const auto woken = turns_until_quiet(lane, far_too_many);
    EXPECT_GE(woken, how.workers);
    EXPECT_LT(woken, far_too_many);
    test::await(lane, idle.stop());
}

}  // namespace
}  // namespace leasehold::control_plane::operations
