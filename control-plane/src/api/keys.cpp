#include "api/keys.hpp"

#include "auth/caller.hpp"

#include <leasehold/base/crypto.hpp>

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

const fields<key_create> key_create_fields{
    {"name", &key_create::name, between(1, 200)},
    {"role", &key_create::role, one_of({"read", "write", "admin", "auditor", "operator", "owner"})},
    {"expires_at", &key_create::expires_at},
    {"postgres", &key_create::postgres, about("usable as a PostgreSQL login; default true for tenant keys")},
};

const fields<key_rotate> key_rotate_fields{
    {"overlap_seconds", &key_rotate::overlap_seconds, between(0, 604800), or_default()},
};

constexpr std::string_view list_name = "keys";
constexpr int scram_iterations = 4096;  // 190 random bits need no slower hash

std::string base_path(const std::optional<tenant_id>& tenant)
{
    return tenant ? "/api/v1/tenants/" + tenant->to_string() + "/keys" : std::string("/api/v1/keys");
}

struct made_key
{
    registry::new_key row;
    secret<std::string> text;
};

made_key make_key(
    const services& with, std::optional<tenant_id> tenant, std::string role, std::string name, bool postgres
)
{
    made_key made;
    made.row.id = key_id::time_ordered();
    made.row.tenant = tenant;
    made.row.role = std::move(role);
    made.row.name = std::move(name);
    const auto fresh = credential::make(credential_type::api, made.row.id.value());
    made.row.secret_hmac = with.secrets.stored_form(fresh.secret_part.reveal());
    made.text = fresh.to_text();
    if (postgres) made.row.scram_verifier = crypto::make_scram_verifier(made.text.reveal(), scram_iterations);
    return made;
}

key_view view_once(const made_key& made, const std::string& created_by)
{
    registry::api_key facts;
    facts.id = made.row.id;
    facts.tenant = made.row.tenant;
    facts.role = made.row.role;
    facts.name = made.row.name;
    facts.postgres = made.row.scram_verifier.has_value();
    facts.created_by = created_by;
    facts.created_at = real_clock().wall();
    facts.expires_at = made.row.expires_at;
    facts.replaces = made.row.replaces;
    auto view = to_view(facts);
    view.key = std::string(made.text.reveal());
    return view;
}

}  // namespace

void keys_api::mount(http::routes& on)
{
    on.get("/api/v1/tenants/{tenant_id}/keys", may::read_keys, this, &keys_api::list_tenant);
    on.post("/api/v1/tenants/{tenant_id}/keys", may::write_keys, this, &keys_api::create_tenant)
        .answers<key_view>()
        .codes({"role_too_high", "tenant_limit_reached"});
    on.post(
          "/api/v1/tenants/{tenant_id}/keys/{key_id}/rotate", may::write_keys, this, &keys_api::rotate_tenant
    )
        .answers<key_view>()
        .codes({"key_not_found", "key_revoked"});
    on.del("/api/v1/tenants/{tenant_id}/keys/{key_id}", may::write_keys, this, &keys_api::revoke_tenant)
        .codes({"key_not_found"});
    on.get("/api/v1/keys", may::read_platform_keys, this, &keys_api::list_platform);
    on.post("/api/v1/keys", may::write_platform_keys, this, &keys_api::create_platform).answers<key_view>();
    on.post("/api/v1/keys/{key_id}/rotate", may::write_platform_keys, this, &keys_api::rotate_platform)
        .answers<key_view>();
    on.del("/api/v1/keys/{key_id}", may::write_platform_keys, this, &keys_api::revoke_platform)
        .codes({"last_owner"});
}

task<http::page<key_view>> keys_api::list(std::optional<tenant_id> tenant, list_query query)
{
    std::optional<key_id> after;
    if (query.cursor) after = key_id(parse_cursor(*query.cursor, list_name, with_.cursor_key));
    auto found = co_await with_.keys.list(tenant, after, static_cast<int>(query.limit) + 1);
    co_return to_page<key_view>(
        std::move(found),
        query.limit,
        list_name,
        with_.cursor_key,
        [](const auto& one) { return one.id.value(); }
    );
}

task<http::page<key_view>> keys_api::list_tenant(const http::context& ctx, list_query query)
{
    co_return co_await list(scope_of(ctx).id(), std::move(query));
}

task<http::page<key_view>> keys_api::list_platform(const http::context&, list_query query)
{
    co_return co_await list(std::nullopt, std::move(query));
}

task<http::created> keys_api::create(const http::context& ctx, std::optional<tenant_id> tenant, key_create in)
{
    const auto wanted = parse_role(in.role.value_or(tenant ? "read" : "auditor"));
    if (!wanted || is_platform(*wanted) == tenant.has_value()) {
        throw error(error_kind::invalid, "field_invalid", "this role does not belong to this kind of key");
    }
    if (!may_give(caller_of(ctx).role(), *wanted)) {
        throw error(error_kind::forbidden, "role_too_high", "nobody makes a key above their own role");
    }
    if (!tenant && in.postgres.value_or(false)) {
        throw error(error_kind::invalid, "field_invalid", "a platform key is no PostgreSQL login");
    }
    const bool postgres = tenant && in.postgres.value_or(true);
    auto made = make_key(with_, tenant, std::string(to_text(*wanted)), in.name, postgres);
    made.row.expires_at = in.expires_at;
    co_await with_.keys.create(auditable(ctx), made.row, with_.values.limits.tenant.max_keys);
    const auto view = view_once(made, caller_of(ctx).log_name());
    co_return http::created(base_path(tenant) + "/" + view.id, view);
}

task<http::created> keys_api::create_tenant(const http::context& ctx, key_create in)
{
    co_return co_await create(ctx, scope_of(ctx).id(), std::move(in));
}

task<http::created> keys_api::create_platform(const http::context& ctx, key_create in)
{
    co_return co_await create(ctx, std::nullopt, std::move(in));
}

task<http::created> keys_api::rotate(const http::context& ctx, std::optional<tenant_id> tenant, key_rotate in)
{
    const auto old = co_await with_.keys.find(ctx.path_id<key_id>("key_id"));
    if (!old || old->facts.tenant != tenant)
        throw error(error_kind::not_found, "key_not_found", "there is no such key");
    const auto held = parse_role(old->facts.role);
    if (held && !may_give(caller_of(ctx).role(), *held)) {
        throw error(error_kind::forbidden, "role_too_high", "nobody makes a key above their own role");
    }
    auto made = make_key(with_, tenant, old->facts.role, old->facts.name, old->facts.postgres);
    made.row.expires_at = old->facts.expires_at;
    made.row.replaces = old->facts.id;
    const auto old_ends = real_clock().wall() + std::chrono::seconds(in.overlap_seconds);
    co_await with_.keys.rotate(auditable(ctx), made.row, old->facts.id, old_ends);
    const auto view = view_once(made, caller_of(ctx).log_name());
    co_return http::created(base_path(tenant) + "/" + view.id, view);
}

task<http::created> keys_api::rotate_tenant(const http::context& ctx, key_rotate in)
{
    co_return co_await rotate(ctx, scope_of(ctx).id(), std::move(in));
}

task<http::created> keys_api::rotate_platform(const http::context& ctx, key_rotate in)
{
    co_return co_await rotate(ctx, std::nullopt, std::move(in));
}

task<void> keys_api::revoke_tenant(const http::context& ctx)
{
    co_await with_.keys.revoke(auditable(ctx), ctx.path_id<key_id>("key_id"), scope_of(ctx).id());
}

task<void> keys_api::revoke_platform(const http::context& ctx)
{
    co_await with_.keys.revoke(auditable(ctx), ctx.path_id<key_id>("key_id"), std::nullopt);
}

}  // namespace leasehold::control_plane
