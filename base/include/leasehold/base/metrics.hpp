#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace leasehold {

// The process's counters, gauges and histograms (prometheus-cpp behind it). Names
// leasehold_<module>_<noun>_<unit>; labels from the closed list of docs (route, method, kind, server, state,
// role_class, router, chain, query, outcome, code, lane). Handles are cheap to copy and live as long as the
// registry. Any thread.
class metrics
{
public:
    using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    class counter
    {
    public:
        void add(double amount = 1) const noexcept;
        explicit counter(void* handle) : handle_(handle) {}

    private:
        void* handle_;
    };
    class gauge
    {
    public:
        void set(double value) const noexcept;
        void add(double amount) const noexcept;
        explicit gauge(void* handle) : handle_(handle) {}

    private:
        void* handle_;
    };
    class histogram  // seconds, buckets 0.5 ms to 30 s
    {
    public:
        void observe(double seconds) const noexcept;
        explicit histogram(void* handle) : handle_(handle) {}

    private:
        void* handle_;
    };

    metrics();
    ~metrics();

    counter make_counter(std::string_view name, std::string_view help, labels with = {});
    gauge make_gauge(std::string_view name, std::string_view help, labels with = {});
    histogram make_histogram(std::string_view name, std::string_view help, labels with = {});
    [[nodiscard]] std::string to_text() const;  // Prometheus text format 0.0.4

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

// The one of this process. Tests make their own.
metrics& process_metrics();

}  // namespace leasehold
