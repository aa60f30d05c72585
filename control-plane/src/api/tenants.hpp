#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/answers.hpp>
#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct tenant_create
{
    std::string slug;
    std::optional<std::string> name;
    std::optional<std::string> tier;
    std::string region;
    std::string jurisdiction;
    std::optional<leasehold::server_id> server_id;
    std::string edition;
    nlohmann::json limits = nlohmann::json::object();
    nlohmann::json settings = nlohmann::json::object();
};

struct tenant_query
{
    std::int64_t limit = 50;
    std::optional<std::string> cursor;
    std::optional<std::string> state;
    std::optional<std::string> slug;
    std::optional<std::string> tid;
    std::optional<leasehold::server_id> server_id;
};

struct suspend_request
{
    std::string reason;
};

struct delete_request
{
    std::string confirm;  // the slug
    std::optional<std::int64_t> grace_seconds;
};

struct nothing
{};

struct connection_view
{
    std::string host;
    std::int64_t port = 0;
    std::string database;
    std::string user;  // form of the user name
    std::string uri;   // without secret
};

// /api/v1/tenants: the catalog of tenants. What takes longer than a look is an operation and answers 202.
class tenants_api
{
public:
    explicit tenants_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<tenant_view>> list(const http::context& ctx, tenant_query query);
    task<http::accepted> create(const http::context& ctx, tenant_create in);
    task<tenant_view> show(const http::context& ctx);
    task<connection_view> connection(const http::context& ctx);
    task<http::accepted> suspend(const http::context& ctx, suspend_request in);
    task<http::accepted> resume(const http::context& ctx, nothing in);
    task<http::accepted> remove(const http::context& ctx, delete_request in);
    task<http::accepted> start(const http::context& ctx, std::string kind, nlohmann::json parameters);

    services& with_;
};

}  // namespace leasehold::control_plane
