#include "api/hosts.hpp"

#include "auth/caller.hpp"

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

const fields<host_view> host_fields{
    {"id", &host_view::id},
    {"name", &host_view::name},
    {"fqdn", &host_view::fqdn},
    {"cluster_name", &host_view::cluster_name},
    {"platform", &host_view::platform},
    {"os_name", &host_view::os_name},
    {"os_version", &host_view::os_version},
    {"agent_version", &host_view::agent_version},
    {"status", &host_view::status},
    {"approval", &host_view::approval},
    {"last_seen_at", &host_view::last_seen_at},
    {"packages", &host_view::packages},
};

const fields<host_state_view> host_state_fields{
    {"id", &host_state_view::id},
    {"state", &host_state_view::state},
};

constexpr std::string_view list_name = "hosts";

}  // namespace

void hosts_api::mount(http::routes& on)
{
    const std::string base = "/api/v1/tenants/{tenant_id}/hosts";
    on.get(base, may::read_hosts, this, &hosts_api::list).codes({"grant_required", "tenant_unavailable"});
    on.post(base + "/{host_id}/approve", may::decide_hosts, this, &hosts_api::approve).codes({"host_state"});
    on.post(base + "/{host_id}/reject", may::decide_hosts, this, &hosts_api::reject).codes({"host_state"});
    on.post(base + "/{host_id}/lock", may::decide_hosts, this, &hosts_api::lock).codes({"host_state"});
    on.post(base + "/{host_id}/revoke", may::decide_hosts, this, &hosts_api::revoke).codes({"host_state"});
}

task<http::page<host_view>> hosts_api::list(const http::context& ctx, list_query query)
{
    std::optional<std::string> after;
    if (query.cursor) after = parse_cursor(*query.cursor, list_name, with_.cursor_key).to_string();
    auto found =
        co_await with_.data.hosts(scope_of(ctx), auditable(ctx), after, static_cast<int>(query.limit) + 1);
    http::page<host_view> page;
    if (found.size() > static_cast<std::size_t>(query.limit)) {
        found.resize(static_cast<std::size_t>(query.limit));
        const auto last = uuid::parse(found.back().id);
        if (last) page.next = to_cursor(*last, list_name, with_.cursor_key);
    }
    for (auto& one : found) {
        page.items.push_back(
            {one.id,
             one.name,
             one.fqdn,
             one.cluster_name,
             one.platform,
             one.os_name,
             one.os_version,
             one.agent_version,
             one.status,
             one.approval,
             one.last_seen_at,
             one.packages}
        );
    }
    co_return page;
}

task<host_state_view> hosts_api::decide(
    const http::context& ctx,
    std::vector<std::string> from,
    std::string to,
    std::string action,
    std::string approval
)
{
    const auto id = ctx.path_id<host_id>("host_id");
    co_await with_.hosts.set_state(
        auditable(ctx), scope_of(ctx).id(), id, std::move(from), to, std::move(action)
    );
    co_await with_.data.set_approval(scope_of(ctx), auditable(ctx), id, std::move(approval));
    host_state_view view{id.to_string(), to};
    co_return view;
}

task<host_state_view> hosts_api::approve(const http::context& ctx)
{
    std::vector<std::string> from{"pending", "locked"};
    co_return co_await decide(ctx, std::move(from), "active", "host.approve", "approved");
}

task<host_state_view> hosts_api::reject(const http::context& ctx)
{
    std::vector<std::string> from{"pending"};
    co_return co_await decide(ctx, std::move(from), "revoked", "host.reject", "revoked");
}

task<host_state_view> hosts_api::lock(const http::context& ctx)
{
    std::vector<std::string> from{"active", "pending"};
    co_return co_await decide(ctx, std::move(from), "locked", "host.lock", "locked");
}

task<host_state_view> hosts_api::revoke(const http::context& ctx)
{
    std::vector<std::string> from{"enrolling", "pending", "active", "locked"};
    co_return co_await decide(ctx, std::move(from), "revoked", "host.revoke", "revoked");
}

}  // namespace leasehold::control_plane
