#include "raw_client.hpp"
#include "router_stage.hpp"

#include <leasehold/base/file.hpp>

#include <gtest/gtest.h>

#include <future>
#include <list>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace leasehold::router::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using leasehold::test::eventually;

std::size_t resident_bytes()
{
    std::istringstream pages(load_file("/proc/self/statm"));
    std::size_t total = 0;
    std::size_t resident = 0;
    pages >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string startup(std::string_view user, std::string_view database)
{
    std::string body;
    const auto text = [&](std::string_view value) {
        body += value;
        body += '\0';
    };
    body += std::string("\0\3\0\0", 4);
    text("user");
    text(user);
    text("database");
    text(database);
    body += '\0';
    const auto size = body.size() + 4;
    std::string whole;
    for (int shift = 24; shift >= 0; shift -= 8) whole += static_cast<char>((size >> shift) & 0xffU);
    return whole + body;
}

// Both ends of a thousand sockets live in this process.
void allow_many_descriptors()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(RouterHostile, W18_AThousandSilentSocketsHoldUpNobody)
{
    allow_many_descriptors();
    router_stage s;
    s.values.router.clients.login_timeout = 3s;
    s.start();
    ASSERT_EQ(sqlstate_of_login(s.client(s.acme)), "");  // the pool is warm
    const auto before = resident_bytes();
    std::list<raw_client> silent;
    // Also from the very address the others come from.
    for (int i = 0; i < 1000; ++i) silent.emplace_back(s.port(), i % 2 == 0 ? "127.0.0.2" : "127.0.0.1");
    const auto began = clock::now();
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
    EXPECT_LT(clock::now() - began, 1s);
    EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20U));
    // Each of them is closed: given up for another, or at the deadline.
    for (auto& one : silent) {
        one.read_all(10s);
        ASSERT_TRUE(one.is_closed());
    }
}

TEST(RouterHostile, W18_LengthsOfTwoGigabytesAreRefusedBeforeAnythingIsAllocated)
{
    router_stage s;
    s.start();
    const auto before = resident_bytes();
    const std::string huge("\x7f\xff\xff\xff", 4);
    raw_client first(s.socket_path());
    first.send(huge + std::string("\0\3\0\0", 4));
    EXPECT_NE(first.read_all(5s).find("08P01"), std::string::npos);
    EXPECT_TRUE(first.is_closed());

    raw_client second(s.socket_path());
    second.send(startup(s.acme.key.user(), "acme"));
    second.send("p" + huge);  // as SASLInitialResponse
    EXPECT_NE(second.read_all(5s).find("08P01"), std::string::npos);
    EXPECT_TRUE(second.is_closed());
    EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20U));
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
}

TEST(RouterHostile, W18_OneByteAtATimeIsReadAndEndsAtTheDeadline)
{
    router_stage s;
    s.values.router.clients.login_timeout = 2s;
    s.start();
    raw_client slow(s.socket_path());
    const auto packet = startup("nobody", "nothing");
    for (const char byte : packet) slow.send({&byte, 1});
    EXPECT_EQ(slow.read_all(500ms).substr(0, 1), "R");  // asked for a password like everybody
    EXPECT_FALSE(slow.is_closed());
    const auto began = clock::now();
    slow.read_all(10s);
    EXPECT_TRUE(slow.is_closed());
    EXPECT_LT(clock::now() - began, 5s);
}

// psql that is given far more than anybody takes from it: it stops reading, and so does all behind it.
class stopped_reader
{
public:
    stopped_reader(const router_stage& s, const test_tenant& tenant)
        : reader_(std::async(std::launch::async, [this, &s, &tenant] {
            return s.psql(
                tenant,
                tenant.key,
                "copy (select repeat($$x$$, 1000) from generate_series(1, 1000000)) to stdout",
                [this] { may_end_.get_future().wait(); }
            );
        }))
    {}
    ~stopped_reader()
    {
        may_end_.set_value();
        reader_.wait();
    }
    stopped_reader(const stopped_reader&) = delete;
    stopped_reader& operator=(const stopped_reader&) = delete;

private:
    std::promise<void> may_end_;
    std::future<std::string> reader_;
};

TEST(RouterHostile, W18_ReadersThatStopCostBoundedMemoryAndHoldUpNobody)
{
    router_stage s;
    s.start();
    ASSERT_EQ(sqlstate_of_login(s.client(s.acme)), "");
    ASSERT_EQ(sqlstate_of_login(s.client(s.globex)), "");
    const auto before = resident_bytes();
    std::list<stopped_reader> readers;
    for (int i = 0; i < 15; ++i) readers.emplace_back(s, s.acme);
    const auto look = database::connect(s.postgres.superuser_endpoint());
    const auto stalled = [&] {
        return look
            ->run_plain_rows(
                "select 1 from pg_stat_activity where datname = '" + s.acme.database +
                "' and wait_event = 'ClientWrite'"
            )
            .size();
    };
    ASSERT_TRUE(eventually([&] { return stalled() == 15; }, 60s));
    EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20U));
    for (const auto* tenant : {&s.acme, &s.globex}) {
        const auto began = clock::now();
        const auto session = database::connect(s.client(*tenant));
        EXPECT_EQ(first_text(*session, "select text from notes"), tenant->slug);
        EXPECT_LT(clock::now() - began, 1s);
    }
    EXPECT_TRUE(eventually([&] { return stalled() == 15; }));  // some may have got room for one more block
    readers.clear();
    EXPECT_TRUE(eventually([&] { return stalled() == 0; }));
}

TEST(RouterHostile, W18_AStartupCutAtEveryByteDoesNoHarm)
{
    router_stage s;
    s.start();
    const auto packet = startup(s.acme.key.user(), "acme");
    for (std::size_t cut = 0; cut < packet.size(); ++cut) {
        raw_client one(s.socket_path());
        one.send(std::string_view(packet).substr(0, cut));
        one.end_sending();
        EXPECT_EQ(one.read_all(5s), "") << cut;
        EXPECT_TRUE(one.is_closed()) << cut;
    }
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
}

TEST(RouterHostile, HttpOnThePostgresqlPortIsClosedWithoutAWord)
{
    router_stage s;
    s.start();
    for (const auto* verb : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /login HTTP/1.1\r\n\r\n"}) {
        raw_client browser(s.port());
        browser.send(verb);
        EXPECT_EQ(browser.read_all(5s), "");
        EXPECT_TRUE(browser.is_closed());
    }
    EXPECT_EQ(sqlstate_of_login(s.client(s.acme)), "");
}

TEST(RouterHostile, BytesBetweenSslRequestAndHandshakeEndTheConnection)
{
    router_stage s;
    s.start();
    const std::string ssl_request("\0\0\0\x08\x04\xd2\x16\x2f", 8);
    raw_client patient(s.port());  // without them it is asked to begin its handshake
    patient.send(ssl_request);
    EXPECT_EQ(patient.read_all(1s), "S");
    EXPECT_FALSE(patient.is_closed());
    for (const auto* tenant : {&s.acme, &s.globex}) EXPECT_EQ(sqlstate_of_login(s.client(*tenant)), "");

    raw_client injector(s.port());
    injector.send(ssl_request + startup("root", "acme"));
    const auto said = injector.read_all(5s);
    EXPECT_EQ(said.find("SCRAM"), std::string::npos);
    EXPECT_TRUE(injector.is_closed());
}

}  // namespace
}  // namespace leasehold::router::test
