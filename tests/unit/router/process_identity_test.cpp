#include "child_process.hpp"
#include "process_identity.hpp"

#include <gtest/gtest.h>

namespace leasehold::router {
namespace {

using leasehold::test::child_process;

TEST(ProcessIdentity, TellsAProcessThatRunsFromOneThatHasEnded)
{
    child_process one;
    child_process other;
    const auto own = identify(::getpid());
    const auto first = identify(one.id());
    const auto second = identify(other.id());
    ASSERT_TRUE(own && first && second);
    EXPECT_EQ(own->machine, first->machine);
    EXPECT_NE(first->process, second->process);
    EXPECT_FALSE(has_ended(own->process));
    EXPECT_FALSE(has_ended(first->process));

    one.kill();
    EXPECT_TRUE(has_ended(first->process));  // its parent has not asked yet
    one.reap();
    EXPECT_TRUE(has_ended(first->process));
    EXPECT_FALSE(has_ended(second->process));
}

TEST(ProcessIdentity, AnIdThatWasGivenAgainIsAnotherProcess)
{
    child_process one;
    const auto now = identify(one.id())->process;
    EXPECT_FALSE(has_ended(now));
    EXPECT_TRUE(has_ended(std::to_string(one.id()) + " 1"));
}

TEST(ProcessIdentity, WhatIsNotUnderstoodHasNotEnded)
{
    for (const auto* text : {"", "nonsense", "12", "0 5", "-1 5"}) EXPECT_FALSE(has_ended(text)) << text;
}

}  // namespace
}  // namespace leasehold::router
