#include "meter.hpp"

namespace leasehold::http {

meter::meter(metrics& all)
    : all_(all)
    , in_flight_(all.make_gauge("leasehold_http_in_flight", "Requests that are being answered"))
{}

void meter::count(std::string_view route, std::string_view method, int status, double seconds)
{
    auto& one = rows_[{std::string(route), std::string(method)}];
    const auto digit = static_cast<std::size_t>(status / 100) % one.by_class.size();
    auto& counter = one.by_class[digit];
    if (!counter) {
        const std::string outcome = std::to_string(digit) + "xx";
        counter = all_.make_counter(
            "leasehold_http_requests_total",
            "Requests answered",
            {{"route", route}, {"method", method}, {"outcome", outcome}}
        );
    }
    if (!one.seconds) {
        one.seconds = all_.make_histogram(
            "leasehold_http_request_seconds",
            "From the end of the head to the answer",
            {{"route", route}, {"method", method}}
        );
    }
    counter->add();
    one.seconds->observe(seconds);
}

void meter::count_ignored(std::string_view route, std::size_t members)
{
    if (members == 0) return;
    all_.make_counter(
            "leasehold_http_fields_ignored_total",
            "Unknown members in bodies that allow them",
            {{"route", route}}
    ).add(static_cast<double>(members));
}

}  // namespace leasehold::http
