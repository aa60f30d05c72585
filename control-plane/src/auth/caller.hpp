#pragma once

#include "auth/permissions.hpp"

#include <leasehold/http/context.hpp>
#include <leasehold/http/routes.hpp>
#include <leasehold/registry/keys.hpp>
#include <leasehold/registry/principal.hpp>

#include <memory>
#include <optional>
#include <string>

namespace leasehold::control_plane {

// A verified API key.
class caller final : public http::principal
{
public:
    caller(registry::api_key facts, role held) : facts_(std::move(facts)), role_(held) {}

    [[nodiscard]] std::string log_name() const override { return "key:" + facts_.id.to_string(); }
    [[nodiscard]] std::string tenant() const override;
    [[nodiscard]] const registry::api_key& key() const noexcept { return facts_; }
    [[nodiscard]] enum role role() const noexcept { return role_; }
    [[nodiscard]] const std::optional<tenant_id>& own_tenant() const noexcept { return facts_.tenant; }

private:
    registry::api_key facts_;
    enum role role_;
};

// What was decided: the tenant that this request may name, where its route names one.
class access_right final : public http::authorization
{
public:
    explicit access_right(std::optional<registry::tenant_scope> of) : scope_(std::move(of)) {}
    [[nodiscard]] std::string tenant() const override;
    [[nodiscard]] const registry::tenant_scope& scope() const { return scope_.value(); }

private:
    std::optional<registry::tenant_scope> scope_;
};

// Keys by Authorization: Bearer. A wrong check sum costs no query; an unknown id costs the same comparison as
// a known one; key_expired and key_revoked are told only to who holds the right secret.
class key_authenticator final : public http::authenticator
{
public:
    key_authenticator(registry::keys& keys, const hmac_keys& secrets) : keys_(keys), secrets_(secrets) {}
    task<std::shared_ptr<const http::principal>> authenticate(const http::context& ctx) override;

private:
    registry::keys& keys_;
    const hmac_keys& secrets_;
};

class matrix_authorizer final : public http::authorizer, private registry::scope_maker
{
public:
    task<std::shared_ptr<const http::authorization>>
    authorize(const http::context& ctx, const http::permission& needed) override;
};

// The caller as the audit trail names it.
registry::principal auditable(const http::context& ctx);
inline const caller& caller_of(const http::context& ctx)
{
    return ctx.principal_as<caller>();
}
inline const registry::tenant_scope& scope_of(const http::context& ctx)
{
    return ctx.authorization_as<access_right>().scope();
}

}  // namespace leasehold::control_plane
