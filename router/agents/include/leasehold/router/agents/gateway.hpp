#pragma once

#include <leasehold/base/clock.hpp>
#include <leasehold/base/config.hpp>
#include <leasehold/base/credential.hpp>
#include <leasehold/base/metrics.hpp>
#include <leasehold/base/task.hpp>
#include <leasehold/http/handler.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace leasehold::router::agents {

// The agent gateway: HTTP API /agent/v1 on its own listener. The tenant comes from the credential's registry
// row, an answer of success means committed in that tenant's database, and the gateway itself keeps nothing.
// Thread: the lane of ports.context(), but construction, start(), bound() and prepare_reload(): any thread,
// one at a time. What the references name outlives the lane.
class gateway
{
public:
    gateway(
        gateway_ports& ports,
        const config& values,
        const hmac_keys& keys,
        const clock_source& clock = real_clock(),
        metrics& into = process_metrics()
    );
    ~gateway();
    gateway(const gateway&) = delete;
    gateway& operator=(const gateway&) = delete;

    // Binds agents.listen and begins to serve. Errors: those of http::server.
    void start();
    [[nodiscard]] const address& bound() const;
    // Reads certificate and key of `next`. The answer, called once from a thread that is no lane, takes them,
    // the keys [r] of `next` and `keys`, and returns when the lane has them. Errors: invalid
    // tls_files_unusable.
    [[nodiscard]] std::function<void()>
    prepare_reload(std::shared_ptr<const config> next, std::shared_ptr<const hmac_keys> fresh_keys);
    // Lets requests in progress be answered for at most `patience`. On the lane. Safe to call twice.
    task<void> drain(std::chrono::milliseconds patience);

    // What stands behind the listener; tests call it without a socket.
    [[nodiscard]] http::handler& routes() noexcept;
    // One pass over enrollments that were begun and not finished, and over what was seen; start() repeats it
    // every minute. On the lane.
    task<void> reconcile();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace leasehold::router::agents
