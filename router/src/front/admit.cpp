#include "front/login.hpp"
#include "front/tenant_limits.hpp"
#include "right_end.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/router/wire/cancel_key.hpp>
#include <leasehold/router/wire/error_response.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <netinet/in.h>

namespace leasehold::router {
namespace {

network to_network(const sockaddr_storage& peer) noexcept
{
    network from;
    from.bytes = group_of(peer);
    if (peer.ss_family == AF_INET6) {
        sockaddr_in6 whole{};
        std::memcpy(&whole, &peer, sizeof whole);
        std::memcpy(from.bytes.data(), &whole.sin6_addr, from.bytes.size());
    }
    return from;
}

std::string name_kinds(const route& of, const tenant_id& right)
{
    std::string kinds;
    for (const auto& key : of.keys) {
        if (key.tenant != nullptr && key.tenant->id == right) continue;
        kinds += (kinds.empty() ? "" : ", ") + std::string(to_text(key.kind));
    }
    return kinds;
}

}  // namespace

void login::authorise(const proof& by)
{
    const auto verdict = agrees_with(route_, by.tenant);
    if (verdict != agreement::agrees) {
        const bool is_unknown = std::any_of(route_.keys.begin(), route_.keys.end(), [](const route_key& key) {
            return key.tenant == nullptr;
        });
        if (is_unknown && world_.feed.is_stale(boot_clock::now())) throw login_refused("directory_stale");
        const auto* own = directory_->find_tenant(by.tenant);
        if (verdict == agreement::database_unknown) {
            throw login_refused(
                "database_unknown",
                "the database name is not the credential's",
                own == nullptr ? "" : "Use \"" + own->slug + "\" as the database name."
            );
        }
        registry::router_event told;
        told.action = "route.conflict";
        told.tenant = by.tenant;
        told.target = by.name;
        told.request_id = request_id_;
        told.outcome = "route_key_conflict";
        told.detail["keys"] = name_kinds(route_, by.tenant);
        world_.audit(told);
        throw login_refused(
            "route_key_conflict",
            "names of another tenant or of nobody",
            "These do not belong to the credential's tenant: " + name_kinds(route_, by.tenant) + "."
        );
    }
    static_cast<void>(check_tenant(by, *directory_));
    static_cast<void>(choose_role(by));
}

const tenant_record& login::check_tenant(const proof& by, const directory& in) const
{
    const auto* tenant = in.find_tenant(by.tenant);
    if (tenant == nullptr) throw login_refused("auth_failed", "the tenant is gone");
    const auto from = to_network(peer_);
    const auto& allowed = tenant->networks;
    const bool is_inside =
        std::any_of(allowed.begin(), allowed.end(), [&](const network& n) { return n.contains(from); });
    if (!allowed.empty() && !is_inside && peer_.ss_family != AF_UNIX) throw login_refused("network_refused");
    switch (tenant->state) {
    case tenant_state::suspended:
    case tenant_state::deleting:
        throw login_refused("tenant_suspended");
    case tenant_state::provisioning:
    case tenant_state::failed:
        throw login_refused("tenant_not_ready");
    case tenant_state::active:
    case tenant_state::moving:
        break;
    }
    if (!tenant->placement) throw login_refused("tenant_not_ready", "no placement");
    if (tenant->is_paused) throw login_refused("tenant_moving");
    if (settings_.min_schema && tenant->schema_version < *settings_.min_schema) {
        throw login_refused("tenant_schema_behind");
    }
    return *tenant;
}

role_class login::choose_role(const proof& by) const
{
    const auto wanted = route_.user.role.value_or(by.most);
    const bool is_allowed = wanted == by.most || (wanted == role_class::ro && by.most == role_class::rw);
    if (!is_allowed) {
        const std::string allowed = by.most == role_class::rw ? "rw, ro" : "ro";
        throw login_refused(
            "role_class_refused", "class above the credential's", "Allowed classes: " + allowed + "."
        );
    }
    return wanted;
}

task<bool> login::admit(proof by)
{
    auto slot = reserve_slot(by);
    if (!by.last_words.empty()) writer_.authentication_sasl_final(by.last_words);
    writer_.authentication_ok();
    co_await send();

    // From here to the hand-over nothing waits: what the feed publishes from now on finds the session on its
    // relay lane, and what it has published is seen here.
    check_directory();
    const auto now = on_.current();
    if (by.who.kind == relay::principal::kind_of::key) {
        const auto* key = now->find_key(key_id(by.who.id));
        if (key == nullptr) throw login_refused("auth_failed", "the key is gone");
        check_key(*key);
        by.ends_at = key->expires_at;
        world_.key_used(key->id);
    }
    const auto& tenant = check_tenant(by, *now);
    log::debug(
        "session.admitted", {{"tenant", tenant.tid}, {"principal", by.name}, {"request_id", request_id_}}
    );
    place_.leave();
    auto client = to_admitted(by, tenant, std::move(slot));
    world_.relays.lane_of(by.tenant).admit(std::move(client));
    co_return true;
}

relay::session_slot login::reserve_slot(const proof& by) const
{
    std::optional<relay::client_share> within;
    if (by.from == relay::origin::tenant) {
        const auto* tenant = on_.current()->find_tenant(by.tenant);
        const auto own = tenant == nullptr ? std::nullopt : tenant->max_clients;
        const auto most = std::clamp<std::int64_t>(
            own.value_or(on_.values().limits.tenant.max_clients), 0, wire::client_pid::slot_max
        );
        within = {by.tenant, static_cast<std::uint32_t>(most)};
    }
    auto found = world_.relays.lane_of(by.tenant).reserve_slot(within);
    if (auto* slot = std::get_if<relay::session_slot>(&found)) return std::move(*slot);
    const auto& why = std::get<relay::refusal>(found);
    const bool is_tenants = why.code == relay::refusals::tenant_client_limit.code;
    throw login_refused(
        why.code,
        "no slot on the lane",
        is_tenants ? fmt::format("{} clients are connected, the limit.", within->most) : ""
    );
}

relay::admitted login::to_admitted(const proof& by, const tenant_record& tenant, relay::session_slot slot)
{
    relay::admitted client;
    client.slot = std::move(slot);
    client.cancel_key = wire::client_key::make().bytes();
    client.pool = {tenant.id, choose_role(by), by.from};
    client.limits = limits_of(tenant, on_.values());
    client.who = by.who;
    client.tid = tenant.tid;
    client.request_id = request_id_;
    client.settings = std::move(settings_.parameters);
    client.session_mode = tenant.session_mode || (settings_.session_mode && tenant.allow_session_mode);
    client.login_until = until_;
    client.ends_at = to_boot_time(by.ends_at, world_.clock);
    client.early = std::move(incoming_);
    client.socket = socket_.release();
    return client;
}

}  // namespace leasehold::router
