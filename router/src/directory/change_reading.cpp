#include "directory/change_reading.hpp"

#include <leasehold/base/log.hpp>

namespace leasehold::router {
namespace {

std::optional<std::int64_t> number_in(const nlohmann::json& in, const char* name)
{
    if (!in.is_object()) return std::nullopt;
    const auto at = in.find(name);
    if (at == in.end() || !at->is_number_integer()) return std::nullopt;
    return at->get<std::int64_t>();
}

std::string text_in(const nlohmann::json& in, const char* name)
{
    if (!in.is_object()) return {};
    const auto at = in.find(name);
    return at != in.end() && at->is_string() ? at->get<std::string>() : std::string();
}

bool flag_in(const nlohmann::json& in, const char* name)
{
    if (!in.is_object()) return false;
    const auto at = in.find(name);
    return at != in.end() && at->is_boolean() && at->get<bool>();
}

template <class Set>
void add_id(Set& to, const nlohmann::json& payload)
{
    using id_type = typename Set::value_type;
    if (const auto id = id_type::parse(text_in(payload, "id"))) to.insert(*id);
}

bool serves(const tenant_record* tenant)
{
    if (tenant == nullptr || !tenant->placement) return false;
    return tenant->state == tenant_state::active || tenant->state == tenant_state::moving;
}

bool may_use(const key_record* key, wall_time now)
{
    return key != nullptr && !key->revoked_at && (!key->expires_at || *key->expires_at > now);
}

bool may_use(const host_record* host)
{
    return host != nullptr && host->state != "revoked" && host->state != "locked";
}

}  // namespace

tenant_record to_record(const registry::route_tenant& row)
{
    tenant_record made;
    made.id = row.id;
    made.tid = row.tid;
    made.slug = row.slug;
    made.name = row.name;
    made.state = parse_tenant_state(row.state).value_or(tenant_state::failed);
    made.generation = row.generation;
    made.is_paused = row.is_paused;
    made.edition = row.edition;
    made.schema_version = row.schema_version;
    if (row.placement) {
        placement_record where;
        where.server = row.placement->server;
        where.generation = static_cast<int>(row.placement->generation);
        where.tier = row.placement->tier;
        where.name = row.placement->name;
        where.database = row.placement->database;
        where.schema = row.placement->schema;
        made.placement = std::move(where);
    }
    made.max_connections = number_in(row.limits, "max_connections");
    made.max_clients = number_in(row.limits, "max_clients");
    made.max_hosts = number_in(row.limits, "max_hosts");
    made.heartbeat_days = number_in(row.settings, "heartbeat_days");
    made.session_mode = text_in(row.settings, "pool_mode") == "session";
    made.allow_session_mode = flag_in(row.settings, "allow_session_mode");
    if (row.settings.is_object() && row.settings.contains("networks") &&
        row.settings["networks"].is_array()) {
        for (const auto& one : row.settings["networks"]) {
            const auto range = one.is_string() ? network::parse(one.get<std::string>()) : std::nullopt;
            // What cannot be read allows nothing: the list stays closed, not open.
            made.networks.push_back(range.value_or(network{}));
        }
    }
    return made;
}

std::optional<key_record> to_record(const registry::route_key& row)
{
    const auto role = parse_key_role(row.role);
    if (!role) return std::nullopt;
    key_record made;
    made.id = row.id;
    made.tenant = row.tenant;
    made.role = *role;
    made.secret_hmac = row.secret_hmac;
    made.scram_verifier = row.scram_verifier;
    made.expires_at = row.expires_at;
    made.revoked_at = row.revoked_at;
    return made;
}

host_record to_record(const registry::route_host& row)
{
    host_record made;
    made.id = row.id;
    made.tenant = row.tenant;
    made.name = row.name;
    made.state = row.state;
    made.generation = row.generation;
    made.public_key = row.public_key;
    made.credential_hmac = row.credential_hmac;
    made.credential_expires_at = row.credential_expires_at;
    made.next_hmac = row.next_hmac;
    made.next_expires_at = row.next_expires_at;
    made.previous_hmac = row.previous_hmac;
    made.promoted_at = row.promoted_at;
    made.confirmed_at = row.confirmed_at;
    return made;
}

token_record to_record(const registry::route_token& row)
{
    token_record made;
    made.id = row.id;
    made.tenant = row.tenant;
    return made;
}

domain_record to_record(const registry::route_domain& row)
{
    domain_record made;
    made.domain = row.domain;
    made.tenant = row.tenant;
    made.upstream = row.upstream;
    return made;
}

server_record to_record(const registry::route_server& row)
{
    server_record made;
    made.id = row.id;
    made.name = row.name;
    made.addresses = row.addresses;
    made.sslmode = row.sslmode;
    made.ca = row.ca;
    made.broker_config = row.broker_config;
    made.connection_budget = row.connection_budget;
    made.state = row.state;
    return made;
}

change_summary to_summary(const std::vector<registry::change_row>& rows)
{
    change_summary found;
    auto& names = found.names;
    for (const auto& row : rows) {
        if (row.kind == "tenant" || row.kind == "placement" || row.kind == "schema") {
            if (row.tenant) names.tenants.insert(*row.tenant);
        } else if (row.kind == "server") {
            add_id(names.servers, row.payload);
        } else if (row.kind == "key") {
            add_id(names.keys, row.payload);
        } else if (row.kind == "host") {
            add_id(names.hosts, row.payload);
        } else if (row.kind == "token") {
            add_id(names.tokens, row.payload);
        } else if (row.kind == "domain") {
            if (const auto domain = text_in(row.payload, "domain"); !domain.empty())
                names.domains.insert(domain);
        } else if (row.kind == "license") {
            found.has_license = true;
        } else if (row.kind == "lease") {
            if (row.tenant) found.leases_to_drop.insert(*row.tenant);
        }
    }
    return found;
}

change_summary to_summary(const directory& all)
{
    change_summary found;
    for (const auto& id : all.tenant_ids()) found.names.tenants.insert(id);
    for (const auto& id : all.key_ids()) found.names.keys.insert(id);
    for (const auto& id : all.host_ids()) found.names.hosts.insert(id);
    return found;
}

directory_change to_change(const registry::route_names& names, const registry::route_rows& present)
{
    directory_change made;
    for (const auto& id : names.tenants) made.tenants[id];
    for (const auto& id : names.servers) made.servers[id];
    for (const auto& id : names.keys) made.keys[id];
    for (const auto& id : names.hosts) made.hosts[id];
    for (const auto& id : names.tokens) made.tokens[id];
    for (const auto& name : names.domains) made.domains[name];
    for (const auto& row : present.tenants) made.tenants[row.id] = to_record(row);
    for (const auto& row : present.servers) made.servers[row.id] = to_record(row);
    for (const auto& row : present.keys) made.keys[row.id] = to_record(row);
    for (const auto& row : present.hosts) made.hosts[row.id] = to_record(row);
    for (const auto& row : present.tokens) made.tokens[row.id] = to_record(row);
    for (const auto& row : present.domains) made.domains[row.domain] = to_record(row);
    return made;
}

acts acts_between(
    const directory& before, const directory& after, const change_summary& changed, wall_time now
)
{
    acts found;
    for (const auto& id : changed.names.tenants) {
        const auto* was = before.find_tenant(id);
        const auto* is = after.find_tenant(id);
        if (!serves(was)) continue;
        if (serves(is) && is->placement == was->placement) continue;
        found.tenants_to_kill.insert(id);
        found.tenants_to_retire.insert(id);
    }
    for (const auto& id : changed.names.keys) {
        const auto* was = before.find_key(id);
        const auto* is = after.find_key(id);
        if (was == nullptr) continue;
        const relay::principal who{relay::principal::kind_of::key, id.value()};
        if (!may_use(is, now) || is->role != was->role || is->tenant != was->tenant) {
            found.principals_to_kill.push_back(who);
            found.leases_to_replace.insert(was->tenant);
        } else if (is->expires_at != was->expires_at) {
            found.principals_to_limit.emplace_back(who, is->expires_at);
        }
    }
    for (const auto& id : changed.names.hosts) {
        if (!may_use(before.find_host(id)) || may_use(after.find_host(id))) continue;
        found.principals_to_kill.push_back({relay::principal::kind_of::host, id.value()});
    }
    return found;
}

void acts::add(acts more)
{
    tenants_to_kill.merge(more.tenants_to_kill);
    tenants_to_retire.merge(more.tenants_to_retire);
    leases_to_replace.merge(more.leases_to_replace);
    principals_to_kill.insert(
        principals_to_kill.end(), more.principals_to_kill.begin(), more.principals_to_kill.end()
    );
    principals_to_limit.insert(
        principals_to_limit.end(), more.principals_to_limit.begin(), more.principals_to_limit.end()
    );
}

}  // namespace leasehold::router
