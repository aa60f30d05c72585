#include "api/operations.hpp"

#include "auth/caller.hpp"

namespace leasehold::control_plane {
namespace {

using namespace http;  // the rules of field tables

const fields<operation_query> operation_query_fields{
    {"limit", &operation_query::limit, between(1, 200), or_default()},
    {"cursor", &operation_query::cursor},
    {"tenant_id", &operation_query::tenant_id},
};

constexpr std::string_view list_name = "operations";

}  // namespace

void operations_api::mount(http::routes& on)
{
    on.get("/api/v1/operations", may::read_operations, this, &operations_api::list);
    on.get("/api/v1/operations/{operation_id}", may::read_operations, this, &operations_api::show)
        .codes({"operation_not_found"});
    on.post("/api/v1/operations/{operation_id}/retry", may::act_on_operations, this, &operations_api::retry)
        .codes({"operation_state"});
    on.post("/api/v1/operations/{operation_id}/cancel", may::act_on_operations, this, &operations_api::cancel)
        .codes({"operation_state"});
}

task<http::page<operation_view>> operations_api::list(const http::context& ctx, operation_query query)
{
    const auto& own = caller_of(ctx).own_tenant();
    if (own && query.tenant_id && *query.tenant_id != *own) {
        throw error(error_kind::forbidden, "tenant_access_denied", "this key belongs to another tenant");
    }
    std::optional<tenant_id> of = query.tenant_id;
    if (own) of = own;
    std::optional<operation_id> after;
    if (query.cursor) after = operation_id(parse_cursor(*query.cursor, list_name, with_.cursor_key));
    auto found = co_await with_.operations.list(of, after, static_cast<int>(query.limit) + 1);
    co_return to_page<operation_view>(
        std::move(found),
        query.limit,
        list_name,
        with_.cursor_key,
        [](const auto& one) { return one.id.value(); }
    );
}

task<operation_view> operations_api::show(const http::context& ctx)
{
    const auto found = co_await with_.operations.get(ctx.path_id<operation_id>("operation_id"));
    const auto& own = caller_of(ctx).own_tenant();
    if (own && found.tenant != own) {  // another tenant's is as if it were not there
        throw error(error_kind::not_found, "operation_not_found", "there is no such operation");
    }
    co_return to_view(found);
}

task<operation_view> operations_api::retry(const http::context& ctx)
{
    const auto id = ctx.path_id<operation_id>("operation_id");
    co_await with_.operations.retry(auditable(ctx), id);
    with_.work_began();
    const auto found = co_await with_.operations.get(id);
    co_return to_view(found);
}

task<operation_view> operations_api::cancel(const http::context& ctx)
{
    const auto id = ctx.path_id<operation_id>("operation_id");
    co_await with_.operations.request_cancel(auditable(ctx), id);
    with_.work_began();
    const auto found = co_await with_.operations.get(id);
    co_return to_view(found);
}

}  // namespace leasehold::control_plane
