#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/answers.hpp>
#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct token_create
{
    std::string label;
    std::optional<std::int64_t> expires_in_seconds;
    std::optional<std::int64_t> max_uses;
    std::string approval = "auto";
    std::optional<std::string> cidr;
    std::map<std::string, std::string> tags;
};

struct token_revoke_query
{
    bool with_hosts = false;
};

struct token_revoked
{
    std::int64_t hosts_joined = 0;
};

// /api/v1/tenants/{tenant_id}/enrollment-tokens: how hosts join a tenant.
class tokens_api
{
public:
    explicit tokens_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<token_view>> list(const http::context& ctx, list_query query);
    task<http::created> create(const http::context& ctx, token_create in);
    task<token_view> show(const http::context& ctx);
    task<token_revoked> revoke(const http::context& ctx, token_revoke_query query);

    services& with_;
};

}  // namespace leasehold::control_plane
