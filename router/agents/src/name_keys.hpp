#pragma once

#include <leasehold/http/context.hpp>
#include <leasehold/router/agents/ports.hpp>

#include <string_view>
#include <vector>

namespace leasehold::router::agents {

// A name beside the credential and whom it names: the nil id where it is nobody's. Lives as long as its
// request.
struct name_key
{
    std::string_view kind;  // sni, host
    std::string_view presented;
    tenant_id tenant;
};

// Those of the request that say something. They decide nothing: each may only agree with the credential.
std::vector<name_key> read_name_keys(const http::context& ctx, const route_lookup& lookup);

}  // namespace leasehold::router::agents
