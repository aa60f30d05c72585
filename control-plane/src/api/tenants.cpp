#include "api/tenants.hpp"

#include "auth/caller.hpp"
#include "operations/placement_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

bool is_slug(std::string_view text)
{
    return slug::parse(text).has_value();
}

const auto slug_rules = shaped("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", &is_slug, "slug_invalid");

const fields<tenant_create> tenant_create_fields{
    {"slug", &tenant_create::slug, slug_rules},
    {"name", &tenant_create::name, between(1, 200)},
    {"tier", &tenant_create::tier, one_of({"database"})},
    {"region", &tenant_create::region, at_most(63), or_default()},
    {"jurisdiction", &tenant_create::jurisdiction, at_most(63), or_default()},
    {"server_id", &tenant_create::server_id},
    {"edition", &tenant_create::edition, at_most(63), or_default()},
    {"limits", &tenant_create::limits, or_default()},
    {"settings", &tenant_create::settings, or_default()},
};

const fields<tenant_query> tenant_query_fields{
    {"limit", &tenant_query::limit, between(1, 200), or_default()},
    {"cursor", &tenant_query::cursor},
    {"state",
     &tenant_query::state,
     one_of({"provisioning", "active", "suspended", "moving", "deleting", "failed"})},
    {"slug", &tenant_query::slug},
    {"tid", &tenant_query::tid},
    {"server_id", &tenant_query::server_id},
};

const fields<suspend_request> suspend_request_fields{
    {"reason", &suspend_request::reason, at_most(500), or_default()},
};

const fields<delete_request> delete_request_fields{
    {"confirm", &delete_request::confirm, about("the tenant's slug")},
    {"grace_seconds", &delete_request::grace_seconds, between(0, 2592000)},
};

const fields<nothing> nothing_fields{};

const fields<connection_view> connection_fields{
    {"host", &connection_view::host},
    {"port", &connection_view::port},
    {"database", &connection_view::database},
    {"user", &connection_view::user},
    {"uri", &connection_view::uri, about("without the secret")},
};

constexpr std::array<std::string_view, 12> reserved_names{
    "admin",
    "api",
    "www",
    "default",
    "registry",
    "shared",
    "public",
    "postgres",
    "template0",
    "template1",
    "leasehold",
    "root"};

constexpr std::string_view list_name = "tenants";

}  // namespace

void tenants_api::mount(http::routes& on)
{
    on.get("/api/v1/tenants", may::list_tenants, this, &tenants_api::list);
    on.post("/api/v1/tenants", may::create_tenant, this, &tenants_api::create)
        .answers<operation_view>()
        .codes(
            {"slug_taken",
             "slug_invalid",
             "name_reserved",
             "no_server_fits",
             "license_tenant_limit",
             "multitenancy_disabled"}
        );
    on.get("/api/v1/tenants/{tenant_id}", may::read_tenant, this, &tenants_api::show)
        .codes({"tenant_not_found"});
    on.get("/api/v1/tenants/{tenant_id}/connection", may::read_tenant, this, &tenants_api::connection);
    on.post("/api/v1/tenants/{tenant_id}/suspend", may::suspend_tenant, this, &tenants_api::suspend)
        .answers<operation_view>()
        .codes({"tenant_state", "operation_in_progress"});
    on.post("/api/v1/tenants/{tenant_id}/resume", may::suspend_tenant, this, &tenants_api::resume)
        .answers<operation_view>()
        .codes({"tenant_state", "operation_in_progress"});
    on.post("/api/v1/tenants/{tenant_id}/delete", may::delete_tenant, this, &tenants_api::remove)
        .answers<operation_view>()
        .codes({"confirm_mismatch", "operation_in_progress"});
}

task<http::page<tenant_view>> tenants_api::list(const http::context& ctx, tenant_query query)
{
    const auto& own = caller_of(ctx).own_tenant();
    if (own) {  // a tenant's key sees its tenant and no other
        http::page<tenant_view> page;
        const auto found = co_await with_.tenants.get(*own);
        page.items.push_back(to_view(found));
        co_return page;
    }
    std::optional<tenant_id> after;
    if (query.cursor) after = tenant_id(parse_cursor(*query.cursor, list_name, with_.cursor_key));
    registry::tenant_filter filter;
    filter.state = query.state;
    filter.slug = query.slug;
    filter.tid = query.tid;
    filter.server = query.server_id;
    auto found = co_await with_.tenants.list(std::move(filter), after, static_cast<int>(query.limit) + 1);
    co_return to_page<tenant_view>(
        std::move(found),
        query.limit,
        list_name,
        with_.cursor_key,
        [](const auto& one) { return one.id.value(); }
    );
}

task<http::accepted> tenants_api::create(const http::context& ctx, tenant_create in)
{
    with_.refuse_when_collapsed();
    with_.license.allow_new();
    const auto& more = with_.values.multitenancy.reserved_slugs;
    const bool reserved =
        std::find(reserved_names.begin(), reserved_names.end(), in.slug) != reserved_names.end() ||
        std::find(more.begin(), more.end(), in.slug) != more.end();
    if (reserved)
        throw error(error_kind::invalid, "name_reserved", fmt::format("the slug '{}' is reserved", in.slug));

    const auto& defaults = with_.values.multitenancy.defaults;
    nlohmann::json parameters{
        {"tier", in.tier.value_or(defaults.tier)},
        {"region", in.region.empty() ? defaults.region : in.region},
        {"jurisdiction", in.jurisdiction.empty() ? defaults.jurisdiction : in.jurisdiction},
    };
    if (in.server_id) parameters["server_id"] = in.server_id->to_string();
    const auto servers = co_await with_.servers.list();
    operations::choose_server(
        servers, operations::wish_of(parameters)
    );  // refused now rather than by the operation

    registry::new_tenant what;
    what.id = tenant_id::time_ordered();
    what.slug = in.slug;
    what.name = in.name.value_or(in.slug);
    what.edition = in.edition;
    what.limits = in.limits;
    what.settings = in.settings;
    const auto id = co_await with_.tenants.create(
        auditable(ctx), std::move(what), std::move(parameters), with_.license.max_tenants()
    );
    with_.work_began();
    const auto begun = co_await with_.operations.get(id);
    co_return http::accepted("/api/v1/operations/" + id.to_string(), to_view(begun));
}

task<tenant_view> tenants_api::show(const http::context& ctx)
{
    const auto found = co_await with_.tenants.get(scope_of(ctx).id());
    co_return to_view(found);
}

task<connection_view> tenants_api::connection(const http::context& ctx)
{
    const auto found = co_await with_.tenants.get(scope_of(ctx).id());
    const auto& router = with_.values.router;
    const auto advertised = address::parse(router.advertise);
    const auto& listens = advertised ? *advertised : router.listen.front();
    connection_view view;
    view.host = listens.is_unix() ? listens.unix_path : listens.host;
    view.port = listens.port;
    view.database = found.slug;
    view.user = "<key id>";
    view.uri = fmt::format(
        "postgresql://<key id>@{}:{}/{}{}",
        view.host,
        view.port,
        found.slug,
        router.tls.is_set() ? "?sslmode=verify-full" : ""
    );
    co_return view;
}

task<http::accepted> tenants_api::start(const http::context& ctx, std::string kind, nlohmann::json parameters)
{
    with_.refuse_when_collapsed();
    const auto id = co_await with_.operations.start(
        auditable(ctx), std::move(kind), scope_of(ctx).id(), std::move(parameters)
    );
    with_.work_began();
    const auto begun = co_await with_.operations.get(id);
    co_return http::accepted("/api/v1/operations/" + id.to_string(), to_view(begun));
}

task<http::accepted> tenants_api::suspend(const http::context& ctx, suspend_request in)
{
    nlohmann::json parameters{{"reason", in.reason}};
    co_return co_await start(ctx, "suspend", std::move(parameters));
}

task<http::accepted> tenants_api::resume(const http::context& ctx, nothing)
{
    nlohmann::json parameters = nlohmann::json::object();
    co_return co_await start(ctx, "resume", std::move(parameters));
}

task<http::accepted> tenants_api::remove(const http::context& ctx, delete_request in)
{
    const auto found = co_await with_.tenants.get(scope_of(ctx).id());
    if (in.confirm != found.slug) {
        throw error(error_kind::invalid, "confirm_mismatch", "confirm must be the tenant's slug");
    }
    const auto configured =
        std::chrono::duration_cast<std::chrono::seconds>(with_.values.multitenancy.delete_grace).count();
    nlohmann::json parameters{{"grace_seconds", in.grace_seconds.value_or(configured)}};
    co_return co_await start(ctx, "delete", std::move(parameters));
}

}  // namespace leasehold::control_plane
