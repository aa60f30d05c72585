#include "gateway/registry_calls.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::router {
namespace {

agents::host_outcome to_outcome(registry::host_change from)
{
    agents::host_outcome made;
    made.outcome = std::move(from.outcome);
    made.state = std::move(from.state);
    made.generation = from.generation;
    return made;
}

// The registry away is one thing to an agent, whatever the cause.
template <class T>
task<T> translated(task<T> call)
{
    outcome<T> result;
    co_await detail::run_into(std::move(call), result);
    try {
        co_return result.take();
    } catch (const error& why) {
        if (why.kind() != error_kind::unavailable && why.kind() != error_kind::timeout) throw;
        throw error(error_kind::unavailable, "registry_unavailable", "the registry is away", why.what());
    }
}

}  // namespace

task<agents::redeemed> registry_calls::redeem(agents::redeem_request what)
{
    registry::redeem_parameters with;
    with.token = what.token;
    with.secret_hmacs = std::move(what.secret_hmacs);
    with.public_key = std::move(what.public_key);
    with.name = std::move(what.name);
    with.machine_hint = std::move(what.machine_hint);
    with.source_ip = std::move(what.source_ip);
    with.named_tenants = std::move(what.named_tenants);
    with.max_hosts = what.max_hosts;
    with.license_max_hosts = what.license_max_hosts;
    with.license_refusal = std::move(what.license_refusal);
    with.request_id = std::move(what.request_id);
    auto call = at_.redeem(std::move(with));
    const auto told = co_await translated(std::move(call));
    agents::redeemed made;
    made.outcome = told.outcome;
    made.host = told.host;
    made.host_name = told.host_name;
    made.host_state = told.host_state;
    made.tenant = told.tenant;
    made.tid = told.tid;
    made.tenant_name = told.tenant_name;
    made.approval = told.approval;
    made.tags = told.tags;
    made.is_replay = told.is_replay;
    co_return made;
}

task<agents::host_outcome> registry_calls::enrolled(
    host_id host,
    std::string credential_hmac,
    wall_time expires_at,
    std::string source_ip,
    std::string request_id
)
{
    auto call = at_.host_enrolled(
        host, std::move(credential_hmac), expires_at, std::move(source_ip), std::move(request_id)
    );
    auto told = co_await translated(std::move(call));
    co_return to_outcome(std::move(told));
}

task<agents::host_outcome> registry_calls::renew(agents::renew_request what)
{
    auto call = at_.host_renew(
        what.host,
        what.generation,
        std::move(what.next_hmac),
        what.next_expires_at,
        std::move(what.public_key),
        what.max_offline,
        std::move(what.source_ip),
        std::move(what.request_id)
    );
    auto told = co_await translated(std::move(call));
    co_return to_outcome(std::move(told));
}

task<agents::host_outcome> registry_calls::promote(host_id host, std::vector<std::string> hmacs)
{
    auto call = at_.host_promote(host, std::move(hmacs));
    auto told = co_await translated(std::move(call));
    co_return to_outcome(std::move(told));
}

task<agents::host_outcome> registry_calls::lock(
    host_id host, std::string reason, std::string source_ip, std::string request_id, std::string detail
)
{
    auto call = at_.host_lock(
        host, std::move(reason), std::move(source_ip), std::move(request_id), std::move(detail)
    );
    auto told = co_await translated(std::move(call));
    co_return to_outcome(std::move(told));
}

task<void> registry_calls::seen(std::vector<host_id> hosts)
{
    auto call = at_.hosts_seen(std::move(hosts));
    co_await translated(std::move(call));
}

task<void> registry_calls::audit(agents::audit_request what)
{
    registry::router_event told;
    told.action = std::move(what.action);
    told.tenant = what.tenant;
    told.target = std::move(what.target);
    told.outcome = std::move(what.outcome);
    told.source_ip = std::move(what.source_ip);
    told.request_id = std::move(what.request_id);
    told.detail = nlohmann::json::parse(what.detail, nullptr, false);
    auto call = at_.audit(self_, std::move(told));
    co_await translated(std::move(call));
}

task<std::int64_t> registry_calls::expire(std::chrono::milliseconds age)
{
    auto call = at_.enrollments_expire(age);
    const auto gone = co_await translated(std::move(call));
    co_return gone;
}

}  // namespace leasehold::router
