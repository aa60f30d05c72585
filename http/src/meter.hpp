#pragma once

#include <leasehold/base/metrics.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace leasehold::http {

// The counters of one table of routes. Series are made when first used, so the listing stays short.
class meter
{
public:
    explicit meter(metrics& all);

    void begin() const { in_flight_.add(1); }
    void end() const { in_flight_.add(-1); }
    void count(std::string_view route, std::string_view method, int status, double seconds);
    void count_ignored(std::string_view route, std::size_t members);

private:
    struct row
    {
        std::array<std::optional<metrics::counter>, 6> by_class;  // index: first digit of the status
        std::optional<metrics::histogram> seconds;
    };

    metrics& all_;
    metrics::gauge in_flight_;
    std::map<std::pair<std::string, std::string>, row> rows_;
};

}  // namespace leasehold::http
