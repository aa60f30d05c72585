// What /readyz of the line's `leasehold serve` says while its broker is away, and while it stops.
#include "eventually.hpp"
#include "serve_process.hpp"
#include "the_line.hpp"

#include <leasehold/http/client.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

namespace leasehold::test {
namespace {

constexpr std::chrono::seconds patience(60);

// "200 ready"
std::string readiness()
{
    http::client client(
        *http::origin::parse(the_line().at("metrics_url").get<std::string>()), http::client_settings()
    );
    const auto answer = run(client.send(http::request(http::method::get, "/readyz")));
    const auto status = nlohmann::json::parse(answer.body).at("status").get<std::string>();
    return fmt::format("{} {}", answer.status, status);
}

bool becomes(const std::string& expected)
{
    return eventually([&] { return readiness() == expected; }, patience);
}

class Readiness : public testing::Test
{
protected:
    void expect_both_served() const
    {
        expect_served(acme);
        expect_served(globex);
    }

    const tenant_of_line acme = tenant("acme");
    const tenant_of_line globex = tenant("globex");
};

class ReadinessWithoutBroker : public Readiness
{
protected:
    ~ReadinessWithoutBroker() override  // later tests of the line need it
    {
        run_stack("broker start");
        run_stack("broker unseal");
    }
};

TEST_F(ReadinessWithoutBroker, B1_IsDegradedButServesAndHeals)
{
    struct fault
    {
        const char* begin;
        const char* end;
    };
    for (const auto& one : {fault{"broker seal", "broker unseal"}, fault{"broker stop", "broker start"}}) {
        SCOPED_TRACE(one.begin);
        expect_both_served();  // each has a lease from here on
        EXPECT_TRUE(becomes("200 ready")) << readiness();
        ASSERT_EQ(run_stack(one.begin).exit_code, 0);
        EXPECT_TRUE(becomes("200 degraded")) << readiness();
        expect_both_served();
        ASSERT_EQ(run_stack(one.end).exit_code, 0);
        EXPECT_TRUE(becomes("200 ready")) << readiness();
    }
}

TEST_F(Readiness, EndsWhileTheProcessDrains)
{
    ASSERT_TRUE(becomes("200 ready")) << readiness();
    // The router waits for what is in work.
    const auto work =
        std::async(std::launch::async, [&] { return run_shell(psql(acme, "select pg_sleep(25)")); });
    ASSERT_TRUE(eventually(
        [&] {
            return on_server(
                       acme,
                       "select count(*) from pg_stat_activity where query like '%pg_sleep(25)%' "
                       "and state = 'active' and pid <> pg_backend_pid()"
                   ) == "1";
        },
        patience
    ));
    begin_to_stop_serve();
    EXPECT_TRUE(becomes("503 draining"));
    kill_serve();
    start_serve();
    EXPECT_TRUE(becomes("200 ready")) << readiness();
    expect_both_served();
}

}  // namespace
}  // namespace leasehold::test
