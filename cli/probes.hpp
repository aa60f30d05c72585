#pragma once

#include "readiness_check.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/lane.hpp>
#include <leasehold/http/routes.hpp>
#include <leasehold/http/server.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace leasehold::cli {

// The metrics listener: /metrics, /healthz, /readyz, and nothing else; on a lane of its own, so that it
// answers whatever the others do. Made, started and drained by the main thread.
class probes
{
public:
    using looker = std::function<task<std::vector<readiness_check>>()>;

    // `look` is called on the lane, at most every 2 s. Errors: those of http::server.
    probes(const metrics_config& values, looker look);
    ~probes();
    probes(const probes&) = delete;
    probes& operator=(const probes&) = delete;

    // Reads the token file. The answer takes the token, and does `also` on the lane that asks `look`.
    [[nodiscard]] std::function<void()>
    prepare_reload(const metrics_config& next, std::function<void()> also);
    // The process serves from now on; before that and after set_draining() it is not ready.
    void set_serving();
    void set_draining();
    [[nodiscard]] const address& bound() const noexcept { return listener_->bound(); }
    void drain(std::chrono::milliseconds patience);

private:
    class nobody;
    void mount();
    [[nodiscard]] bool may_see_causes(const http::context& ctx) const;
    void require_token(const http::context& ctx) const;
    task<http::reply> readiness(const http::context& ctx);
    task<void> look_again();

    looker look_;
    secret<std::string> token_;
    std::atomic<bool> serving_ = false;
    std::atomic<bool> draining_ = false;
    std::vector<readiness_check> verdict_;
    std::optional<boot_time> looked_at_;
    bool is_looking_ = false;
    std::unique_ptr<nobody> nobody_;
    std::unique_ptr<http::routes> routes_;
    lane lane_{"metrics"};
    std::unique_ptr<http::server> listener_;
    bool drained_ = false;
};

}  // namespace leasehold::cli
