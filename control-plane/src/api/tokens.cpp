#include "api/tokens.hpp"

#include "auth/caller.hpp"

#include <fmt/format.h>

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

const fields<token_create> token_create_fields{
    {"label", &token_create::label, between(1, 100)},
    {"expires_in_seconds", &token_create::expires_in_seconds, between(1, 2592000)},
    {"max_uses", &token_create::max_uses, between(1, 100000)},
    {"approval", &token_create::approval, one_of({"auto", "manual"}), or_default()},
    {"cidr", &token_create::cidr, at_most(43)},
    {"tags", &token_create::tags, at_most(64), or_default(), about("become labels of the host")},
};

const fields<token_revoke_query> token_revoke_fields{
    {"with_hosts", &token_revoke_query::with_hosts, or_default()},
};

const fields<token_revoked> token_revoked_fields{
    {"hosts_joined",
     &token_revoked::hosts_joined,
     about("hosts that joined with it; they stay unless with_hosts is given")},
};

constexpr std::string_view list_name = "tokens";

std::string base_path(const tenant_id& tenant)
{
    return "/api/v1/tenants/" + tenant.to_string() + "/enrollment-tokens";
}

}  // namespace

void tokens_api::mount(http::routes& on)
{
    on.get("/api/v1/tenants/{tenant_id}/enrollment-tokens", may::read_tokens, this, &tokens_api::list);
    on.post("/api/v1/tenants/{tenant_id}/enrollment-tokens", may::write_tokens, this, &tokens_api::create)
        .answers<token_view>()
        .codes({"tenant_limit_reached"});
    on.get(
        "/api/v1/tenants/{tenant_id}/enrollment-tokens/{token_id}", may::read_tokens, this, &tokens_api::show
    );
    on.del(
          "/api/v1/tenants/{tenant_id}/enrollment-tokens/{token_id}",
          may::write_tokens,
          this,
          &tokens_api::revoke
    )
        .codes({"token_not_found"});
}

task<http::page<token_view>> tokens_api::list(const http::context& ctx, list_query query)
{
    std::optional<token_id> after;
    if (query.cursor) after = token_id(parse_cursor(*query.cursor, list_name, with_.cursor_key));
    auto found = co_await with_.tokens.list(scope_of(ctx).id(), after, static_cast<int>(query.limit) + 1);
    co_return to_page<token_view>(
        std::move(found),
        query.limit,
        list_name,
        with_.cursor_key,
        [](const auto& one) { return one.id.value(); }
    );
}

task<http::created> tokens_api::create(const http::context& ctx, token_create in)
{
    with_.license.allow_new();
    const auto& settings = with_.values.agents.token;
    const auto life =
        in.expires_in_seconds ? std::chrono::seconds(*in.expires_in_seconds) : settings.default_lifetime;
    if (life > settings.max_lifetime) {
        throw error(
            error_kind::invalid, "field_invalid", "expires_in_seconds is above agents.token.max_lifetime"
        );
    }
    registry::enrollment_token what;
    what.id = token_id::time_ordered();
    what.tenant = scope_of(ctx).id();
    what.label = in.label;
    what.expires_at = real_clock().wall() + life;
    what.max_uses = in.max_uses.value_or(settings.default_uses);
    what.approval = in.approval;
    what.cidr = in.cidr;
    what.tags = in.tags;
    what.created_by = caller_of(ctx).log_name();
    what.created_at = real_clock().wall();

    const auto made = credential::make(credential_type::enrollment, what.id.value());
    auto stored = with_.secrets.stored_form(made.secret_part.reveal());
    co_await with_.tokens.create(
        auditable(ctx), what, std::move(stored), with_.values.limits.tenant.max_tokens
    );

    auto view = to_view(what);
    const auto text = made.to_text();
    view.token = std::string(text.reveal());
    view.agent_yaml = fmt::format("security: {{ enrollment_token: {} }}", text.reveal());
    view.shell = "leasehold agent --config /etc/leasehold/agent.yaml";
    co_return http::created(base_path(what.tenant) + "/" + view.id, view);
}

task<token_view> tokens_api::show(const http::context& ctx)
{
    const auto found = co_await with_.tokens.get(scope_of(ctx).id(), ctx.path_id<token_id>("token_id"));
    co_return to_view(found);
}

task<token_revoked> tokens_api::revoke(const http::context& ctx, token_revoke_query query)
{
    const auto id = ctx.path_id<token_id>("token_id");
    token_revoked answer;
    const auto joined =
        co_await with_.tokens.revoke(auditable(ctx), scope_of(ctx).id(), id, query.with_hosts);
    answer.hosts_joined = joined;
    co_return answer;
}

}  // namespace leasehold::control_plane
