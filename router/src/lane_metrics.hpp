#pragma once

#include "directory/feed_facts.hpp"
#include "relay/lane_set.hpp"

#include <leasehold/base/metrics.hpp>
#include <leasehold/router/directory.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace leasehold::router {

// Brings the lanes' own counters into the process's metrics: sums, and the difference since the last time for
// what only grows. Owner and thread: one lane, which calls tell() every second.
class lane_metrics
{
public:
    explicit lane_metrics(metrics& into);
    void tell(const relay::lane_set& lanes, const feed_facts& feed, const directory* now);

private:
    struct growing
    {
        relay::tally relay::counters::*of;
        metrics::counter to;
        std::uint64_t told = 0;
    };
    struct present
    {
        relay::tally relay::counters::*of;
        metrics::gauge to;
    };

    std::vector<growing> growing_;
    std::vector<present> present_;
    metrics::gauge age_;
    metrics::gauge gaps_;
    std::vector<std::pair<std::size_t directory_counts::*, metrics::gauge>> records_;
};

}  // namespace leasehold::router
