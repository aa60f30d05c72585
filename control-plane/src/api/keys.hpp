#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/answers.hpp>
#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct key_create
{
    std::string name;
    std::optional<std::string> role;  // omitted: the least
    std::optional<wall_time> expires_at;
    std::optional<bool> postgres;
};

struct key_rotate
{
    std::int64_t overlap_seconds = 3600;
};

// /api/v1/tenants/{tenant_id}/keys and /api/v1/keys (the platform's): API keys. A secret is shown once.
class keys_api
{
public:
    explicit keys_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<key_view>> list_tenant(const http::context& ctx, list_query query);
    task<http::page<key_view>> list_platform(const http::context& ctx, list_query query);
    task<http::created> create_tenant(const http::context& ctx, key_create in);
    task<http::created> create_platform(const http::context& ctx, key_create in);
    task<http::created> rotate_tenant(const http::context& ctx, key_rotate in);
    task<http::created> rotate_platform(const http::context& ctx, key_rotate in);
    task<void> revoke_tenant(const http::context& ctx);
    task<void> revoke_platform(const http::context& ctx);

    task<http::page<key_view>> list(std::optional<tenant_id> tenant, list_query query);
    task<http::created> create(const http::context& ctx, std::optional<tenant_id> tenant, key_create in);
    task<http::created> rotate(const http::context& ctx, std::optional<tenant_id> tenant, key_rotate in);

    services& with_;
};

}  // namespace leasehold::control_plane
