#include <leasehold/base/metrics.hpp>

#include <gtest/gtest.h>

namespace leasehold {
namespace {

TEST(Metrics, AreWrittenInPrometheusText)
{
    metrics all;
    const auto requests = all.make_counter("leasehold_test_requests_total", "Requests", {{"route", "/a"}});
    requests.add();
    requests.add(2);
    const auto depth = all.make_gauge("leasehold_test_depth", "Depth");
    depth.set(5);
    depth.add(-2);
    all.make_histogram("leasehold_test_seconds", "Time").observe(0.003);
    const auto text = all.to_text();
    EXPECT_NE(text.find("# TYPE leasehold_test_requests_total counter"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_requests_total{route=\"/a\"} 3"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_depth 3"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_seconds_bucket{le=\"0.005\"} 1"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_seconds_bucket{le=\"0.0025\"} 0"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_seconds_count 1"), std::string::npos) << text;
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric)
{
    metrics all;
    all.make_counter("leasehold_test_total", "Help", {{"kind", "a"}}).add();
    all.make_counter("leasehold_test_total", "Help", {{"kind", "a"}}).add();
    all.make_counter("leasehold_test_total", "Help", {{"kind", "b"}}).add();
    const auto text = all.to_text();
    EXPECT_NE(text.find("leasehold_test_total{kind=\"a\"} 2"), std::string::npos) << text;
    EXPECT_NE(text.find("leasehold_test_total{kind=\"b\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace leasehold
