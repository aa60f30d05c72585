#include "fake_ports.hpp"
#include "host_authenticator.hpp"
#include "median_ratio.hpp"

#include <leasehold/base/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace leasehold::router::agents::test {
namespace {

// How long the refusal of one credential takes.
task<void> measure(host_authenticator& at, std::string text, std::chrono::nanoseconds& took)
{
    http::incoming what(http::method::get, "/agent/v1/self");
    what.fields.set("Host", "agents.example.com");
    what.fields.set("Authorization", "Bearer " + text);
    const http::context ctx(std::move(what), "request");
    outcome<std::shared_ptr<const http::principal>> result;
    const auto begin = std::chrono::steady_clock::now();
    auto work = at.authenticate(ctx);
    co_await leasehold::detail::run_into(std::move(work), result);
    took = std::chrono::steady_clock::now() - begin;
    EXPECT_THROW(result.take(), error);
}

// An id that nobody has, and wrong secrets of hosts in each state: told apart by nothing, time included. The
// samples alternate, so whatever else the machine does falls on all alike; the medians may differ by much
// less than the comparison of secrets costs.
TEST(HostAuthenticator, H5_RefusesStrangersInTheSameTime)
{
    const hmac_keys keys(hmac_keys::make_file_content());
    fake_ports ports(keys);
    host_authenticator at(ports, keys, real_clock());
    const auto tenant = ports.add_tenant("acme");
    std::map<std::string, uuid> ids{{"unknown", uuid::random()}};
    for (const std::string state : {"active", "revoked", "enrolling"}) {
        const auto text = ports.add_host(tenant, [&](host_facts& host) {
            host.state = state;
            if (state == "enrolling") host.credential_hmac.clear();
        });
        ids[state] = credential::parse(text)->id;
    }
    std::map<std::string, std::vector<std::chrono::nanoseconds>> samples;
    for (int round = 0; round < 1500; ++round) {
        for (const auto& [name, id] : ids) {
            auto guess = std::string(credential::make(credential_type::host, id).to_text().reveal());
            std::chrono::nanoseconds took{};
            leasehold::run(measure(at, std::move(guess), took));
            samples[name].push_back(took);
        }
    }
    EXPECT_LT(leasehold::test::median_ratio(samples), 1.3);
}

}  // namespace
}  // namespace leasehold::router::agents::test
