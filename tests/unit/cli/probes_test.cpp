#include "probes.hpp"

#include <leasehold/http/client.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;
using checks = std::vector<readiness_check>;

const readiness_check router("router", true, true, "");
const readiness_check no_router("router", false, true, "no route");
const readiness_check broker("broker", true, false, "active");
const readiness_check no_broker("broker", false, false, "sealed");

task<checks> answer_with(checks found)
{
    co_return found;
}

// A metrics listener whose look finds this.
struct listener
{
    explicit listener(checks found) : here(settings(), [found] { return answer_with(found); }) {}
    static metrics_config settings()
    {
        metrics_config values;
        values.listen.port = 0;
        return values;
    }
    // "200 ready"
    std::string readiness() const
    {
        http::origin where;
        where.host = "127.0.0.1";
        where.port = here.bound().port;
        http::client client(where, http::client_settings());
        const auto got = run(client.send(http::request(http::method::get, "/readyz")));
        return std::to_string(got.status) + " " + json::parse(got.body).at("status").get<std::string>();
    }

    probes here;
};

std::string readiness_of(checks found)
{
    listener one(std::move(found));
    one.here.set_serving();
    return one.readiness();
}

TEST(Readiness, IsDegradedByWhatIsNotNeededAndEndedByWhatIs)
{
    EXPECT_EQ(readiness_of({router, broker}), "200 ready");
    EXPECT_EQ(readiness_of({router, no_broker}), "200 degraded");
    EXPECT_EQ(readiness_of({no_router, broker}), "503 not_ready");
    EXPECT_EQ(readiness_of({no_router, no_broker}), "503 not_ready");
}

TEST(Readiness, BeginsWithServingAndEndsWithDraining)
{
    listener one({router, no_broker});
    EXPECT_EQ(one.readiness(), "503 starting");
    one.here.set_serving();
    EXPECT_EQ(one.readiness(), "200 degraded");
    one.here.set_draining();
    EXPECT_EQ(one.readiness(), "503 draining");
}

}  // namespace
}  // namespace leasehold::cli
