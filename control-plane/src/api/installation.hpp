#pragma once

#include "api/services.hpp"
#include "api/views.hpp"
#include "operations/tenant_verification.hpp"

#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct whoami_tenant
{
    std::string id;
    std::string slug;
    std::string role;
};

struct whoami_view
{
    std::string kind;  // key
    std::string id;
    std::string name;
    std::string role;
    std::optional<std::string> platform_role;
    std::vector<whoami_tenant> tenants;
    std::optional<wall_time> expires_at;
};

struct router_view
{
    std::string id;
    std::string role;
    std::string address;
    std::string version;
    std::int64_t applied_change = 0;
    wall_time seen_at;
};

struct reload_view
{
    wall_time at;
    std::vector<std::string> applied;
    std::vector<std::string> restart_needed;
    std::optional<std::string> refused;
};

struct status_view
{
    std::string version;
    std::string mode;  // multi-tenant, single-tenant
    std::string license;
    std::string installation;
    std::vector<router_view> routers;
    std::optional<reload_view> reload;  // the last one of the process that answers
};

struct license_view
{
    std::string state;
    std::optional<std::string> code;
    std::optional<std::string> why;
    nlohmann::json claims;
    std::int64_t tenants = 0;
};

struct license_install
{
    std::string document;
};

// /api/v1/whoami, /status, /license, and the verification of a tenant's routing.
class installation_api
{
public:
    installation_api(services& with, operations::tenant_verification& verification)
        : with_(with)
        , verification_(verification)
    {}
    void mount(http::routes& on);

private:
    task<whoami_view> whoami(const http::context& ctx);
    task<status_view> status(const http::context& ctx);
    task<license_view> show_license(const http::context& ctx);
    task<license_view> install(const http::context& ctx, license_install in);
    task<operations::verification_report> verify(const http::context& ctx);
    task<license_view> license_now();

    services& with_;
    operations::tenant_verification& verification_;
};

}  // namespace leasehold::control_plane
