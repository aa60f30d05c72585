#include "refusal_note.hpp"

#include "name_keys.hpp"

#include <leasehold/base/credential.hpp>

#include <algorithm>
#include <array>

namespace leasehold::router::agents {
namespace {

bool is_refusal(const error& why) noexcept
{
    constexpr std::array<std::string_view, 4> codes{
        "directory_loading", "directory_stale", "tenant_not_ready", "host_limit"};
    switch (why.kind()) {
    case error_kind::unauthenticated:
    case error_kind::forbidden:
    case error_kind::unlicensed:
        return true;
    default:
        return std::find(codes.begin(), codes.end(), why.code()) != codes.end();
    }
}

// Its id alone, whether or not its secret is right.
void add_credential(refused_request& to, const credential& presented, const route_lookup& lookup)
{
    std::optional<tenant_id> whose;
    if (presented.type == credential_type::host) {
        to.credential_kind = "host";
        to.credential_id = host_id(presented.id).to_string();
        if (const auto host = lookup.find_host(host_id(presented.id))) whose = host->tenant;
    } else if (presented.type == credential_type::enrollment) {
        to.credential_kind = "enrollment";
        to.credential_id = token_id(presented.id).to_string();
        whose = lookup.find_token(token_id(presented.id));
    }
    if (!whose) return;
    if (const auto tenant = lookup.find_tenant(*whose)) to.tenant = tenant->tid;
}

}  // namespace

void note_refusal(gateway_ports& ports, const http::context& ctx, const error& why)
{
    if (!is_refusal(why)) return;
    const auto& lookup = ports.lookup();
    refused_request what;
    what.kind = why.kind();
    what.code = why.code();
    what.reason = why.detail();
    what.request_id = ctx.request_id();
    what.peer = ctx.request().peer;
    what.is_tls = ctx.request().is_tls;
    what.sni = ctx.request().server_name;
    what.host = ctx.header("Host").value_or(std::string_view());
    for (const auto& name : read_name_keys(ctx, lookup)) {
        auto& key = what.keys.emplace_back(std::string(name.kind), std::string(name.presented));
        const auto tenant = lookup.find_tenant(name.tenant);
        if (!tenant) continue;
        key.tenant = tenant->tid;
        key.state = tenant->state;
    }
    const auto presented = credential::parse(ctx.bearer().value_or(std::string_view()));
    if (presented) add_credential(what, *presented, lookup);
    ports.note_refusal(what);
}

}  // namespace leasehold::router::agents
