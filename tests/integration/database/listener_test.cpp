#include "eventually.hpp"
#include "stack.hpp"

#include <leasehold/database/listener.hpp>

#include <gtest/gtest.h>

#include <mutex>

namespace leasehold::database {
namespace {

using test::eventually;
using test::scratch_database;
using test::the_stack;

// What a listener has called with, in order.
class calls
{
public:
    void add(std::string_view payload)
    {
        const std::lock_guard hold(guard_);
        all_.emplace_back(payload);
    }
    [[nodiscard]] std::vector<std::string> all() const
    {
        const std::lock_guard hold(guard_);
        return all_;
    }
    [[nodiscard]] std::size_t count() const { return all().size(); }

private:
    mutable std::mutex guard_;
    std::vector<std::string> all_;
};

class Listener : public testing::TestWithParam<int>
{
protected:
    scratch_database database{the_stack().with_major(GetParam()), "listener"};
    calls seen;

    void notify(const std::string& payload)
    {
        const auto open = connect(database.endpoint());
        open->run_plain("notify \"a channel\", " + open->quote_literal(payload));
    }
    std::string listening_backends()
    {
        const auto super = connect(database.superuser_endpoint());
        return super
            ->run_plain_rows("select count(*) from pg_stat_activity where datname = current_database() and "
                             "query ilike 'listen%'")
            .at(0)[0]
            .value();
    }
    void terminate_listeners()
    {
        const auto super = connect(database.superuser_endpoint());
        super->run_plain_rows("select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                              " where datname = current_database() and pid <> pg_backend_pid()");
    }
};

TEST_P(Listener, CallsOnceAtTheStartAndThenForEachNotification)
{
    const listener one(database.endpoint(), "a channel", [&](std::string_view payload) {
        seen.add(payload);
    });
    ASSERT_TRUE(eventually([&] { return seen.count() == 1; }));
    notify("first");
    notify("second");
    ASSERT_TRUE(eventually([&] { return seen.count() == 3; }));
    EXPECT_EQ(seen.all(), (std::vector<std::string>{"", "first", "second"}));
}

TEST_P(Listener, ConnectsAgainAndSaysThatSomethingMayBeMissed)
{
    const listener one(database.endpoint(), "a channel", [&](std::string_view payload) {
        seen.add(payload);
    });
    ASSERT_TRUE(eventually([&] { return seen.count() == 1; }));
    terminate_listeners();
    ASSERT_TRUE(eventually([&] { return seen.count() == 2; }));
    EXPECT_EQ(seen.all().back(), "");
    notify("after");
    ASSERT_TRUE(eventually([&] { return seen.count() == 3; }));
    EXPECT_EQ(seen.all().back(), "after");
}

TEST_P(Listener, WaitsForAServerThatIsAway)
{
    const auto super = connect(database.superuser_endpoint());
    const auto name = super->quote_identifier(database.owner());
    super->run_plain("alter role " + name + " nologin");
    const listener one(database.endpoint(), "a channel", [&](std::string_view payload) {
        seen.add(payload);
    });
    super->run_plain("alter role " + name + " login");
    EXPECT_TRUE(eventually([&] { return seen.count() == 1; }));
}

TEST_P(Listener, EndsAtOnceWhileItWaits)
{
    {
        const listener one(database.endpoint(), "a channel", [&](std::string_view payload) {
            seen.add(payload);
        });
        ASSERT_TRUE(eventually([&] { return seen.count() == 1; }));
        EXPECT_EQ(listening_backends(), "1");
    }
    EXPECT_TRUE(eventually([&] { return listening_backends() == "0"; }));
}

TEST_P(Listener, GoesOnWhenACallThrows)
{
    const listener one(database.endpoint(), "a channel", [&](std::string_view payload) {
        seen.add(payload);
        if (payload == "bad") throw std::runtime_error("a fault of ours");
    });
    ASSERT_TRUE(eventually([&] { return seen.count() == 1; }));
    notify("bad");
    ASSERT_TRUE(eventually([&] { return seen.count() >= 3; }));  // it connects anew, and says so
    notify("good");
    EXPECT_TRUE(eventually([&] { return seen.all().back() == "good"; }));
}

INSTANTIATE_TEST_SUITE_P(Servers, Listener, testing::Values(15, 17), [](const auto& param) {
    return "Postgres" + std::to_string(param.param);
});

}  // namespace
}  // namespace leasehold::database
