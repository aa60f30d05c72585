#include "relay/ports.hpp"

#include "relay/lane_core.hpp"

namespace leasehold::router::relay {

server_promise::~server_promise()
{
    refuse(refusals::internal);
}

void server_promise::fulfil(verified_server server)
{
    const auto to = std::exchange(to_, nullptr);
    if (to == nullptr) return;
    to->post([core = core_, key = key_, epoch = epoch_, server = std::move(server)]() mutable {
        core->server_arrived(key, epoch, std::move(server));
    });
}

void server_promise::refuse(refusal why)
{
    const auto to = std::exchange(to_, nullptr);
    if (to == nullptr) return;
    to->post([core = core_, key = key_, epoch = epoch_, why] { core->server_refused(key, epoch, why); });
}

void cancel_promise::done()
{
    const auto to = std::exchange(to_, nullptr);
    if (to == nullptr) return;
    to->post([core = core_, order = order_] { core->cancel_answered(order); });
}

}  // namespace leasehold::router::relay
