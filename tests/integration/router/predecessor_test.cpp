#include "child_process.hpp"
#include "process_identity.hpp"
#include "router_stage.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace leasehold::router::test {
namespace {

using leasehold::test::child_process;

router_id add_row(router_stage& s, const std::string& machine, const std::string& process)
{
    const auto id = router_id::random();
    s.registry.run(fmt::format(
        "select public.registry_router_register('{}', 'router', '127.0.0.1:7632', 'test', '{{}}', 1, {}, {})",
        id.to_string(),
        s.registry.quote(machine),
        s.registry.quote(process)
    ));
    return id;
}

// Those that an operation would wait for.
std::set<std::string> behind(router_stage& s)
{
    std::set<std::string> all;
    for (const auto& row : s.registry.rows("select id::text from public.registry_routers_behind(1000000000)"))
        all.insert(row[0].value());
    return all;
}

// Operations wait until every live router has done its part. One that was killed cannot, and the next one on
// its machine knows that; one that runs beside it, under the same address too, is left alone.
TEST(RouterPredecessor, AKilledOneIsNotWaitedForOnceAnotherStartsOnItsMachine)
{
    router_stage s;
    child_process killed;
    child_process running;
    const auto was = identify(killed.id());
    const auto is = identify(running.id());
    ASSERT_TRUE(was && is);
    const auto gone = add_row(s, was->machine, was->process);
    const auto stays = add_row(s, is->machine, is->process);
    const auto elsewhere = add_row(s, "another machine", was->process);
    const auto unknown = add_row(s, "", "");
    killed.kill();
    EXPECT_EQ(behind(s).size(), 4U);

    s.start();
    const std::set<std::string> others{stays.to_string(), elsewhere.to_string(), unknown.to_string()};
    auto left = behind(s);
    EXPECT_EQ(left.erase(s.running->id().to_string()), 1U);
    EXPECT_EQ(left, others);
    EXPECT_EQ(left.count(gone.to_string()), 0U);
}

}  // namespace
}  // namespace leasehold::router::test
