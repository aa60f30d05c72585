#include "name_keys.hpp"

namespace leasehold::router::agents {

std::vector<name_key> read_name_keys(const http::context& ctx, const route_lookup& lookup)
{
    std::vector<name_key> found;
    const auto read = [&](std::string_view kind, std::string_view name) {
        const auto named = lookup.find_name(name);
        if (named.is_key) found.push_back({kind, name, named.tenant.value_or(tenant_id())});
    };
    read("sni", ctx.request().server_name);
    read("host", ctx.header("Host").value_or(std::string_view()));
    return found;
}

}  // namespace leasehold::router::agents
