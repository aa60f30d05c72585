#pragma once

#include "api/services.hpp"
#include "api/views.hpp"

#include <leasehold/http/routes.hpp>

namespace leasehold::control_plane {

struct operation_query
{
    std::int64_t limit = 50;
    std::optional<std::string> cursor;
    std::optional<leasehold::tenant_id> tenant_id;
};

// /api/v1/operations: durable work and its steps.
class operations_api
{
public:
    explicit operations_api(services& with) : with_(with) {}
    void mount(http::routes& on);

private:
    task<http::page<operation_view>> list(const http::context& ctx, operation_query query);
    task<operation_view> show(const http::context& ctx);
    task<operation_view> retry(const http::context& ctx);
    task<operation_view> cancel(const http::context& ctx);

    services& with_;
};

}  // namespace leasehold::control_plane
