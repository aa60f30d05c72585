#include "relay_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <future>
#include <new>
#include <thread>

// Counts what the lane's thread allocates. Sanitizers have their own operator new, so there it is not
// replaced.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEASEHOLD_COUNTS_ALLOCATIONS 0
#else
#define LEASEHOLD_COUNTS_ALLOCATIONS 1
#endif

namespace {
thread_local bool is_counted = false;       // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<std::uint64_t> allocations{0};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
}  // namespace

#if LEASEHOLD_COUNTS_ALLOCATIONS
void* operator new(std::size_t size)
{
    if (is_counted) allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const made = std::malloc(size); made != nullptr) return made;
    throw std::bad_alloc();
}
void operator delete(void* what) noexcept
{
    std::free(what);
}
void operator delete(void* what, std::size_t) noexcept
{
    std::free(what);
}
#endif

namespace leasehold::router::relay::test {
namespace {

class RelayAllocation : public relay_test
{
protected:
    void count(bool whether)
    {
        std::promise<void> set;
        auto done = set.get_future();
        on->post([&, whether] {
            is_counted = whether;
            set.set_value();
        });
        ASSERT_EQ(done.wait_for(patience), std::future_status::ready);
    }
};

TEST_F(RelayAllocation, AHundredThousandQueriesAllocateNothing)
{
    auto joined = join_first(of(acme));
    auto& client = joined.first;
    auto& server = joined.second;
    const auto simple = query("select 1");
    wire::message_writer out;
    const std::vector<std::optional<std::string_view>> values{"1"};
    out.parse("", "select $1").bind("", "", values).describe('P', "").execute("").sync();
    const auto extended = out.take();
    out.parse_complete().bind_complete().no_data().command_complete("SELECT 1").ready_for_query('I');
    const auto extended_reply = out.take();
    const auto reply = simple_reply("SELECT 1");

    std::thread answers([&] {
        while (const auto one = server.next()) {
            if (one->type == 'Q') server.send(reply);
            if (one->type == 'S') server.send(extended_reply);
        }
    });
    const auto run = [&](int count) {
        for (int i = 0; i < count; i += 2) {
            client.talk.send(simple);
            ASSERT_EQ(client.talk.until_ready(), "CZI");
            client.talk.send(extended);
            ASSERT_EQ(client.talk.until_ready(), "12nCZI");
        }
    };
    run(1'000);  // warm
    count(true);
    run(LEASEHOLD_COUNTS_ALLOCATIONS != 0 ? 100'000 : 2'000);
    const auto counted = allocations.load();
    count(false);
    EXPECT_EQ(counted, 0U);
    EXPECT_GT(on->read_counters().transactions.get(), 2'000U);

#if LEASEHOLD_COUNTS_ALLOCATIONS
    count(true);  // it does count
    auto more = connect(of(acme));
    EXPECT_EQ(more.talk.until_ready(), "SSKZI");
    EXPECT_GT(allocations.load(), counted);
    count(false);
#endif
    on->stop();  // ends the connection, and so the thread
    answers.join();
}

}  // namespace
}  // namespace leasehold::router::relay::test
