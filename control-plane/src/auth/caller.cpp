#include "auth/caller.hpp"

#include <leasehold/base/credential.hpp>
#include <leasehold/base/error.hpp>

namespace leasehold::control_plane {

std::string caller::tenant() const
{
    return facts_.tenant ? tid::of(*facts_.tenant).text() : std::string();
}

std::string access_right::tenant() const
{
    return scope_ ? tid::of(scope_->id()).text() : std::string();
}

task<std::shared_ptr<const http::principal>> key_authenticator::authenticate(const http::context& ctx)
{
    std::shared_ptr<const http::principal> nobody;
    const auto text = ctx.bearer();
    if (!text) co_return nobody;
    const auto presented = credential::parse(*text);
    if (!presented || presented->type != credential_type::api) {
        throw error(error_kind::unauthenticated, "key_invalid", "this is not a valid API key");
    }
    const auto stored = co_await keys_.find(key_id(presented->id));
    std::string expected;  // empty: an unknown id is compared with a fixed dummy
    if (stored) expected = stored->secret_hmac;
    if (!secrets_.matches(expected, presented->secret_part.reveal())) {
        throw error(error_kind::unauthenticated, "key_invalid", "this is not a valid API key");
    }
    auto now = secrets_.stored_form(presented->secret_part.reveal());
    if (now != expected) {  // under the key before: it is not needed for this one any more
        const auto who = registry::principal::system("authenticate");
        co_await keys_.rewrite(who, stored->facts.id, expected, std::move(now));
    }
    const auto& facts = stored->facts;
    if (facts.revoked_at) throw error(error_kind::unauthenticated, "key_revoked", "this API key was revoked");
    if (facts.expires_at && *facts.expires_at <= real_clock().wall()) {
        throw error(error_kind::unauthenticated, "key_expired", "this API key has ended");
    }
    const auto held = parse_role(facts.role);
    if (!held)
        throw error(error_kind::forbidden, "forbidden", "this key's role is not known to this release");
    std::shared_ptr<const http::principal> who = std::make_shared<const caller>(facts, *held);
    co_await keys_.stamp_used(facts.id);
    co_return who;
}

task<std::shared_ptr<const http::authorization>>
matrix_authorizer::authorize(const http::context& ctx, const http::permission& needed)
{
    const auto& who = caller_of(ctx);
    std::optional<registry::tenant_scope> scope;
    if (needed.needs == http::scope::tenant) {
        const auto named = ctx.path_id<tenant_id>("tenant_id");
        // Before any query, and the same whether that tenant exists or not.
        if (who.own_tenant() && *who.own_tenant() != named) {
            throw error(error_kind::forbidden, "tenant_access_denied", "this key belongs to another tenant");
        }
        scope = registry::scope_maker::scope_of(named);
    }
    if (needed.needs == http::scope::platform && who.own_tenant()) {
        throw error(error_kind::forbidden, "platform_role_required", "this needs a key of the platform");
    }
    if (!is_allowed(who.role(), needed)) {
        if (is_tenant_data(needed) && is_platform(who.role())) {
            throw error(
                error_kind::forbidden, "grant_required", "a platform role alone reads no tenant data"
            );
        }
        throw error(error_kind::forbidden, "forbidden", "this key's role does not allow it");
    }
    std::shared_ptr<const http::authorization> right = std::make_shared<const access_right>(std::move(scope));
    co_return right;
}

registry::principal auditable(const http::context& ctx)
{
    registry::principal who;
    who.name = caller_of(ctx).log_name();
    who.request_id = ctx.request_id();
    return who;
}

}  // namespace leasehold::control_plane
