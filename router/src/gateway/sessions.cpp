#include "front/tenant_limits.hpp"
#include "gateway/batch.hpp"
#include "gateway/platform_gateway.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace leasehold::router {
namespace {

namespace refusals = relay::refusals;
using answer = std::variant<relay::internal_reply, relay::refusal>;

// What the waiting coroutine and the relay lane's callback share.
struct pending
{
    explicit pending(asio::io_context& on) : woken(on, asio::steady_timer::time_point::max()) {}
    asio::steady_timer woken;
    std::optional<answer> came;
};

[[noreturn]] void refuse(const relay::refusal& why)
{
    throw error(why.kind, std::string(why.code), std::string(why.message));
}

void check_serves(const tenant_record& tenant)
{
    switch (tenant.state) {
    case tenant_state::suspended:
    case tenant_state::deleting:
        refuse(refusals::tenant_suspended);
    case tenant_state::provisioning:
    case tenant_state::failed:
        refuse(refusals::tenant_not_ready);
    case tenant_state::active:
    case tenant_state::moving:
        break;
    }
    if (tenant.is_paused) refuse(refusals::tenant_moving);
    if (!tenant.placement) refuse(refusals::tenant_not_ready);
}

}  // namespace

task<std::vector<agents::query_result>>
platform_gateway::run(tenant_id tenant, role_class role, std::vector<agents::statement> statements)
{
    if (!is_loaded()) refuse(refusals::directory_loading);
    const auto* record = on_.current()->find_tenant(tenant);
    if (record == nullptr) throw error(error_kind::not_found, "tenant_not_found", "there is no such tenant");
    check_serves(*record);

    const auto waits = std::make_shared<pending>(on_.context());
    relay::internal_call call;
    call.pool = {tenant, role, relay::origin::platform};
    call.limits = limits_of(*record, on_.values());
    call.batch = to_batch(statements, record->placement->schema);
    auto& home = on_.context();
    call.done = [waits, &home](answer came) {
        asio::post(home, [waits, came = std::move(came)]() mutable {
            waits->came = std::move(came);
            waits->woken.cancel();
        });
    };
    on_.world().relays.submit(std::move(call)
    );  // in the order of the feed's kills: nothing has waited since the look-up
    boost::system::error_code woken;
    if (!waits->came) co_await waits->woken.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!waits->came)
        throw error(error_kind::timeout, "query_timeout", "the caller did not wait for the answer");
    if (const auto* why = std::get_if<relay::refusal>(&*waits->came)) refuse(*why);
    co_return to_results(std::get<relay::internal_reply>(*waits->came).bytes, statements.size());
}

}  // namespace leasehold::router
