#include "gateway/platform_gateway.hpp"

namespace leasehold::router {

namespace {

// IPv6 by its /64, as group_of() has it.
std::string group_of_text(const std::string& peer)
{
    const auto from = network::parse(peer);
    const bool is_v6 = from && peer.find(':') != std::string::npos && !peer.starts_with("::ffff:");
    return is_v6 ? std::string(from->bytes.begin(), from->bytes.begin() + 8) : peer;
}

}  // namespace

// The code says conflict only of a credential that was verified.
void platform_gateway::note_refusal(const agents::refused_request& what)
{
    refusal_line line;
    line.level = what.code == "route_key_conflict" ? log_level::error : log_level::warn;
    line.code = what.code;
    line.reason = what.reason;
    line.listener = on_.values().agents.listen.to_string();
    line.protocol = "http";
    line.request_id = what.request_id;
    line.peer = what.peer;
    line.tls = what.is_tls ? "TLS" : "";
    line.sni = what.sni;
    line.host = what.host;
    line.keys = what.keys;
    line.tenant = what.tenant;
    line.credential_kind = what.credential_kind;
    line.credential_id = what.credential_id;
    line.status = http_status_of(what.kind, what.code);
    line.peer_group = group_of_text(what.peer);
    on_.note_refusal(std::move(line), on_.current().get());
}

std::vector<host_id> platform_gateway::enrolling_hosts() const
{
    if (!on_.current()) return {};
    return on_.current()->hosts_in_state("enrolling");
}

std::optional<agents::tenant_facts> platform_gateway::find_tenant(const tenant_id& id) const
{
    const auto* found = on_.current() ? on_.current()->find_tenant(id) : nullptr;
    if (found == nullptr) return std::nullopt;
    agents::tenant_facts facts;
    facts.id = found->id;
    facts.tid = found->tid;
    facts.slug = found->slug;
    facts.name = found->name;
    facts.state = to_text(found->state);
    facts.is_paused = found->is_paused;
    facts.has_placement = found->placement.has_value();
    facts.schema_version = found->schema_version;
    facts.max_hosts = found->max_hosts;
    facts.heartbeat_days = found->heartbeat_days;
    return facts;
}

std::optional<agents::host_facts> platform_gateway::find_host(const host_id& id) const
{
    const auto* found = on_.current() ? on_.current()->find_host(id) : nullptr;
    if (found == nullptr) return std::nullopt;
    agents::host_facts facts;
    facts.id = found->id;
    facts.tenant = found->tenant;
    facts.name = found->name;
    facts.state = found->state;
    facts.generation = found->generation;
    facts.public_key = found->public_key;
    facts.credential_hmac = found->credential_hmac;
    facts.credential_expires_at = found->credential_expires_at;
    facts.next_hmac = found->next_hmac;
    facts.next_expires_at = found->next_expires_at;
    facts.previous_hmac = found->previous_hmac;
    facts.promoted_at = found->promoted_at;
    facts.confirmed_at = found->confirmed_at;
    return facts;
}

std::optional<tenant_id> platform_gateway::find_token(const token_id& id) const
{
    const auto* found = on_.current() ? on_.current()->find_token(id) : nullptr;
    if (found == nullptr) return std::nullopt;
    return found->tenant;
}

agents::named_tenant platform_gateway::find_name(std::string_view host_or_sni) const
{
    agents::named_tenant found;
    const auto domain = to_canonical_domain(host_or_sni);
    if (!domain || !on_.current()) return found;
    if (domain == "localhost" || domain == to_canonical_domain(on_.values().router.advertise)) return found;
    found.is_key = true;
    if (const auto* tenant = on_.current()->find_domain(*domain)) found.tenant = tenant->id;
    return found;
}

bool platform_gateway::is_loaded() const
{
    return on_.current() != nullptr && !on_.world().feed.is_foreign.load();
}

bool platform_gateway::is_stale() const
{
    return on_.world().feed.is_stale(boot_clock::now());
}

license_state platform_gateway::license() const
{
    return on_.world().feed.license.load();
}

std::optional<std::int64_t> platform_gateway::licensed_hosts() const
{
    const auto hosts = on_.world().feed.licensed_hosts.load();
    if (hosts < 0) return std::nullopt;
    return hosts;
}

}  // namespace leasehold::router
