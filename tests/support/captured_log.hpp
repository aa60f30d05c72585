#pragma once

#include <leasehold/base/log.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::test {

// The lines of one event that this process logs while `work` runs, whichever thread it is, at `least` or
// above. Afterwards errors alone are logged.
inline std::vector<nlohmann::json>
lines_of(log_level least, std::string_view event, const std::function<void()>& work)
{
    log::configure(least, log::form::json);
    testing::internal::CaptureStderr();
    work();
    std::istringstream told(testing::internal::GetCapturedStderr());
    log::configure(log_level::error, log::form::json);
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(told, line);) {
        auto one = nlohmann::json::parse(line, nullptr, false);
        if (one.is_object() && one.value("event", "") == event) lines.push_back(std::move(one));
    }
    return lines;
}

}  // namespace leasehold::test
