#include "tenant_data.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/router/ticket.hpp>

namespace leasehold::control_plane {
namespace {

using database::query;
using database::transaction;

constexpr query list_hosts{"tenant_hosts", R"(
    select h.id, h.name, coalesce(h.fqdn, '') as fqdn, coalesce(h.cluster_name, '') as cluster_name,
           coalesce(h.platform, '') as platform, coalesce(h.os_name, '') as os_name,
           coalesce(h.os_version, '') as os_version, coalesce(h.agent_version, '') as agent_version, h.status, h.approval,
           coalesce(to_char(h.last_seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '') as last_seen_at,
           (select count(*) from public.host_packages p where p.host_id = h.id) as packages
      from public.hosts h where ($1::uuid is null or h.id > $1::uuid) order by h.id limit $2::bigint)"};

constexpr query where_am_i{"tenant_census", R"(
    select current_database()::text as database, current_user::text as who,
           pg_catalog.shobj_description(d.oid, 'pg_database') as marker
      from pg_catalog.pg_database d where d.datname = current_database())"};

constexpr query host_ids{
    "tenant_host_ids", "select id from public.hosts where status <> 'orphan' order by id"};

constexpr query set_host_approval{
    "tenant_host_approval", "update public.hosts set approval = $2 where id = $1::uuid"};

constexpr std::chrono::seconds ticket_life(30);

}  // namespace

tenant_data::tenant_data(address router, std::string ca_file, const hmac_keys& secrets, worker_pool& workers)
    : router_(std::move(router))
    , ca_file_(std::move(ca_file))
    , secrets_(secrets)
    , workers_(workers)
{}

database::endpoint
tenant_data::endpoint_for(tenant_id tenant, const registry::principal& who, role_class what) const
{
    router::ticket right;
    right.tenant = tenant;
    right.role = what;
    right.principal = who.name;
    right.request_id = who.request_id;
    right.ends_at = real_clock().wall() + ticket_life;

    database::endpoint where;
    where.hosts.emplace_back(router_.host, router_.port);
    where.database = "t_" + tid::of(tenant).text();
    where.user = "ticket";
    where.password = router::seal_ticket(right, secrets_);
    where.sslmode = ca_file_.empty() ? "prefer" : "verify-full";
    where.ca_file = ca_file_;
    where.any_server = true;
    where.application_name = "leasehold control plane";
    return where;
}

task<std::vector<tenant_data::host_facts>> tenant_data::hosts(
    registry::tenant_scope tenant, registry::principal who, std::optional<std::string> after, int limit
)
{
    const auto where = endpoint_for(tenant.id(), who, role_class::ro);
    co_return co_await workers_.run([&] {
        std::vector<host_facts> found;
        const auto session = database::connect(where);
        session->in_transaction([&](transaction& tx) {
            for (const auto& row : tx.find_all(list_hosts, after, limit)) {
                host_facts host;
                host.id = row.get<std::string>("id");
                host.name = row.get<std::string>("name");
                host.fqdn = row.get<std::string>("fqdn");
                host.cluster_name = row.get<std::string>("cluster_name");
                host.platform = row.get<std::string>("platform");
                host.os_name = row.get<std::string>("os_name");
                host.os_version = row.get<std::string>("os_version");
                host.agent_version = row.get<std::string>("agent_version");
                host.status = row.get<std::string>("status");
                host.approval = row.get<std::string>("approval");
                host.last_seen_at = row.get<std::string>("last_seen_at");
                host.packages = row.get<std::int64_t>("packages");
                found.push_back(std::move(host));
            }
        });
        return found;
    });
}

task<tenant_data::census> tenant_data::take_census(tenant_id tenant, registry::principal who)
{
    const auto where = endpoint_for(tenant, who, role_class::ro);
    co_return co_await workers_.run([&] {
        census counted;
        const auto session = database::connect(where);
        session->in_transaction([&](transaction& tx) {
            const auto here = tx.get_one(where_am_i);
            counted.database = here.get<std::string>("database");
            counted.role = here.get<std::string>("who");
            counted.marker = here.find<std::string>("marker").value_or("");
            for (const auto& row : tx.find_all(host_ids))
                counted.host_ids.push_back(row.get<std::string>("id"));
        });
        return counted;
    });
}

task<void> tenant_data::set_approval(
    registry::tenant_scope tenant, registry::principal who, host_id host, std::string approval
)
{
    const auto where = endpoint_for(tenant.id(), who, role_class::rw);
    co_await workers_.run([&] {
        const auto session = database::connect(where);
        session->in_transaction([&](transaction& tx) { tx.change(set_host_approval, host, approval); });
    });
}

}  // namespace leasehold::control_plane
