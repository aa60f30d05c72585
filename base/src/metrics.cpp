#include <leasehold/base/metrics.hpp>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace leasehold {
namespace {

prometheus::Labels to_labels(metrics::labels with)
{
    prometheus::Labels out;
    for (const auto& [name, value] : with) out.emplace(name, value);
    return out;
}

const prometheus::Histogram::BucketBoundaries& seconds_buckets()
{
    static const prometheus::Histogram::BucketBoundaries bounds{
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
    return bounds;
}

}  // namespace

// A family of the same name, and in it a row of the same labels, is found again instead of made twice.
struct metrics::impl
{
    prometheus::Registry registry;
};

metrics::metrics() : impl_(std::make_unique<impl>()) {}
metrics::~metrics() = default;

metrics::counter metrics::make_counter(std::string_view name, std::string_view help, labels with)
{
    auto& family =
        prometheus::BuildCounter().Name(std::string(name)).Help(std::string(help)).Register(impl_->registry);
    return counter(&family.Add(to_labels(with)));
}

metrics::gauge metrics::make_gauge(std::string_view name, std::string_view help, labels with)
{
    auto& family =
        prometheus::BuildGauge().Name(std::string(name)).Help(std::string(help)).Register(impl_->registry);
    return gauge(&family.Add(to_labels(with)));
}

metrics::histogram metrics::make_histogram(std::string_view name, std::string_view help, labels with)
{
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry);
    return histogram(&family.Add(to_labels(with), seconds_buckets()));
}

std::string metrics::to_text() const
{
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

void metrics::counter::add(double amount) const noexcept
{
    static_cast<prometheus::Counter*>(handle_)->Increment(amount);
}

void metrics::gauge::set(double value) const noexcept
{
    static_cast<prometheus::Gauge*>(handle_)->Set(value);
}

void metrics::gauge::add(double amount) const noexcept
{
    static_cast<prometheus::Gauge*>(handle_)->Increment(amount);
}

void metrics::histogram::observe(double seconds) const noexcept
{
    static_cast<prometheus::Histogram*>(handle_)->Observe(seconds);
}

// Never destroyed: threads may count until the process is gone.
metrics& process_metrics()
{
    static auto* const registry = new metrics;
    return *registry;
}

}  // namespace leasehold
