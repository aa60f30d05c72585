#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace leasehold::test {

// The longest of the medians divided by the shortest; each median is recorded as a property of the running
// test, in nanoseconds. No list may be empty.
inline double median_ratio(std::map<std::string, std::vector<std::chrono::nanoseconds>>& samples)
{
    std::vector<double> medians;
    for (auto& [name, all] : samples) {
        const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
        std::nth_element(all.begin(), middle, all.end());
        medians.push_back(static_cast<double>(middle->count()));
        testing::Test::RecordProperty(name, std::to_string(middle->count()));
    }
    const auto [least, most] = std::minmax_element(medians.begin(), medians.end());
    return *most / *least;
}

}  // namespace leasehold::test
