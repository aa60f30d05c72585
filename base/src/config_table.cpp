#include "config_table.hpp"

#include <leasehold/base/ids.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <utility>

namespace leasehold {
namespace {

// Rules beyond the type. Each takes the value that was read.
constexpr auto anything = [](const auto&) -> complaint { return {}; };

auto between(int least, int most)
{
    return [=](int value) -> complaint {
        if (value >= least && value <= most) return {};
        return fmt::format("must be between {} and {}, not {}", least, most, value);
    };
}

auto within(double least, double most)
{
    return [=](double value) -> complaint {
        if (value >= least && value <= most) return {};
        return fmt::format("must be between {} and {}, not {}", least, most, value);
    };
}

constexpr auto positive = [](const auto& value) -> complaint {
    if (value > std::decay_t<decltype(value)>{}) return {};
    return "must be more than zero";
};

constexpr auto not_empty = [](const auto& value) -> complaint {
    if (!value.empty()) return {};
    return "must not be empty";
};

complaint check_url(const std::string& url)
{
    // Not echoed: a URL may carry a password.
    const auto scheme = url.substr(0, url.find("://"));
    if (scheme != "http" && scheme != "https") return "needs a URL that begins with https:// or http://";
    const auto rest = std::string_view(url).substr(std::min(scheme.size() + 3, url.size()));
    const auto authority = rest.substr(0, rest.find('/'));
    if (authority.empty() || authority.find_first_of("@?# ") != std::string_view::npos ||
        rest.find_first_of("?# ") != std::string_view::npos)
        return "needs a URL of scheme, host and port, without user, query or fragment";
    return {};
}

constexpr auto urls = [](const std::vector<std::string>& values) -> complaint {
    for (const auto& value : values)
        if (auto bad = check_url(value)) return bad;
    return {};
};

constexpr auto slugs = [](const std::vector<std::string>& values) -> complaint {
    for (const auto& value : values)
        if (!slug::parse(value)) return fmt::format("'{}' is not a slug", value);
    return {};
};

constexpr auto domain_suffix = [](const std::string& value) -> complaint {
    if (value.empty()) return {};
    std::string_view rest = value;
    bool is_good = value.size() <= 200 && value.find('.') != std::string::npos;
    while (is_good) {
        const auto label = rest.substr(0, rest.find('.'));
        const auto allowed = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        };
        is_good = !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
                  std::all_of(label.begin(), label.end(), allowed);
        if (label.size() == rest.size()) break;
        rest.remove_prefix(label.size() + 1);
    }
    if (is_good) return {};
    return fmt::format("needs a DNS name in lower case, not '{}'", value);
};

constexpr auto advertised = [](const std::string& value) -> complaint {
    if (value.empty() || address::parse(value)) return {};
    return fmt::format("needs an address (host:port, [v6]:port, unix:/path), not '{}'", value);
};

constexpr auto name_of_server = [](const std::string& value) -> complaint {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    if (!value.empty() && value.size() <= 40 && std::all_of(value.begin(), value.end(), allowed)) return {};
    return fmt::format("needs 1 to 40 of a-z, 0-9, - and _, not '{}'", value);
};

constexpr std::array<std::string_view, 3> accepted_findings{
    "createrole_is_superuser", "lease_network_open", "large_objects_open"};

constexpr auto findings = [](const std::vector<std::string>& values) -> complaint {
    for (const auto& value : values)
        if (std::find(accepted_findings.begin(), accepted_findings.end(), value) == accepted_findings.end())
            return fmt::format(
                "'{}' is not a finding that can be accepted ({})", value, fmt::join(accepted_findings, ", ")
            );
    return {};
};

template <class Value>
struct is_vector : std::false_type
{};
template <class Item>
struct is_vector<std::vector<Item>> : std::true_type
{};

// `at` gives the member, of a const or a mutable struct alike.
template <class Owner, class At, class Check>
key_row<Owner> make_row(std::string_view name, At at, std::string_view comment, Check check)
{
    using value = std::decay_t<decltype(at(std::declval<Owner&>()))>;
    key_row<Owner> row;
    row.name = name;
    row.type = type_of(value{});
    row.is_list = is_vector<value>::value;
    row.comment = comment;
    row.set = [at, check](Owner& owner, const yaml_node& from) -> complaint {
        value read{};
        if (auto bad = read_value(from, read)) return bad;
        if (auto bad = check(read)) return bad;
        at(owner) = std::move(read);
        return {};
    };
    row.get = [at](const Owner& owner) { return to_yaml(at(owner)); };
    row.copy = [at](Owner& to, const Owner& from) { at(to) = at(from); };
    return row;
}

template <class At, class Check = decltype(anything)>
key_row<config> key(std::string_view name, At at, std::string_view comment, Check check = anything)
{
    return make_row<config>(name, at, comment, check);
}

// A key that a running process takes over on SIGHUP.
template <class At, class Check = decltype(anything)>
key_row<config> live_key(std::string_view name, At at, std::string_view comment, Check check = anything)
{
    auto row = make_row<config>(name, at, comment, check);
    row.is_reloadable = true;
    return row;
}

template <class At>
key_row<config>
choice(std::string_view name, At at, std::string_view comment, std::vector<std::string> choices)
{
    const auto one_of = [choices](const std::string& value) -> complaint {
        if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
        return fmt::format("must be {}, not '{}'", fmt::join(choices, " or "), value);
    };
    auto row = make_row<config>(name, at, comment, one_of);
    row.choices = std::move(choices);
    return row;
}

template <class At, class Check = decltype(anything)>
key_row<provisioned_server_config>
server_key(std::string_view name, At at, std::string_view comment, Check check = anything)
{
    return make_row<provisioned_server_config>(name, at, comment, check);
}

// A macro, because only the preprocessor can turn a member path into a function of it.
// NOLINTNEXTLINE(bugprone-macro-parentheses): a member path cannot stand in parentheses
#define LEASEHOLD_AT(member)                                                                                 \
    [](auto& of) -> auto&                                                                                    \
    {                                                                                                        \
        return of.member;                                                                                    \
    }

using rows = std::vector<key_row<config>>;

const std::vector<std::string> sslmodes{"verify-full", "disable"};

void add_registry(rows& to)
{
    to.push_back(
        key("registry.hosts",
            LEASEHOLD_AT(registry.hosts),
            "one or more; the writable one is used. A socket: unix:/run/postgresql/.s.PGSQL.5432",
            not_empty)
    );
    to.push_back(key("registry.database", LEASEHOLD_AT(registry.database), "", not_empty));
    to.push_back(choice(
        "registry.sslmode",
        LEASEHOLD_AT(registry.sslmode),
        "verify-full, or disable (loopback and sockets only)",
        sslmodes
    ));
    to.push_back(live_key("registry.ca_file", LEASEHOLD_AT(registry.ca_file), ""));
    to.push_back(
        live_key("registry.control_plane.user", LEASEHOLD_AT(registry.control_plane.user), "", not_empty)
    );
    to.push_back(live_key(
        "registry.control_plane.password_file",
        LEASEHOLD_AT(registry.control_plane.password_file),
        "\"\": peer or certificate"
    ));
    to.push_back(live_key("registry.router.user", LEASEHOLD_AT(registry.router.user), "", not_empty));
    to.push_back(live_key("registry.router.password_file", LEASEHOLD_AT(registry.router.password_file), ""));
    to.push_back(live_key("registry.migrate.user", LEASEHOLD_AT(registry.migrate.user), "", not_empty));
    to.push_back(live_key("registry.migrate.password_file", LEASEHOLD_AT(registry.migrate.password_file), "")
    );
    to.push_back(
        key("registry.pool.threads",
            LEASEHOLD_AT(registry.pool.threads),
            "each with a connection of its own",
            between(1, 64))
    );
    to.push_back(
        key("registry.pool.queue", LEASEHOLD_AT(registry.pool.queue), "full: unavailable", between(1, 100000))
    );
    to.push_back(
        key("registry.pool.connect_timeout", LEASEHOLD_AT(registry.pool.connect_timeout), "", positive)
    );
    to.push_back(
        key("registry.pool.statement_timeout", LEASEHOLD_AT(registry.pool.statement_timeout), "", positive)
    );
    to.push_back(key("registry.pool.lock_timeout", LEASEHOLD_AT(registry.pool.lock_timeout), "", positive));
}

void add_shared(rows& to)
{
    to.push_back(key("shared.hosts", LEASEHOLD_AT(shared.hosts), "empty: in the registry's database"));
    to.push_back(key("shared.database", LEASEHOLD_AT(shared.database), ""));
    to.push_back(choice("shared.sslmode", LEASEHOLD_AT(shared.sslmode), "", sslmodes));
    to.push_back(key("shared.ca_file", LEASEHOLD_AT(shared.ca_file), ""));
    to.push_back(key("shared.migrate.user", LEASEHOLD_AT(shared.migrate.user), ""));
    to.push_back(key("shared.migrate.password_file", LEASEHOLD_AT(shared.migrate.password_file), ""));
}

void add_tenancy(rows& to)
{
    to.push_back(live_key(
        "security.hmac_key_file",
        LEASEHOLD_AT(security.hmac_key_file),
        "key of all keys and tokens; the same on every node, made by the first control plane",
        not_empty
    ));
    to.push_back(
        key("multitenancy.enabled",
            LEASEHOLD_AT(multitenancy.enabled),
            "true needs vault.enabled and a license of tier MULTITENANT_SAAS")
    );
    to.push_back(choice(
        "multitenancy.defaults.tier",
        LEASEHOLD_AT(multitenancy.defaults.tier),
        "database: a database of its own for each tenant",
        {"database"}
    ));
    to.push_back(key("multitenancy.defaults.region", LEASEHOLD_AT(multitenancy.defaults.region), ""));
    to.push_back(
        key("multitenancy.defaults.jurisdiction", LEASEHOLD_AT(multitenancy.defaults.jurisdiction), "")
    );
    to.push_back(
        key("multitenancy.domain_suffix",
            LEASEHOLD_AT(multitenancy.domain_suffix),
            "with db.example.com every tenant gets <slug>.db.example.com",
            domain_suffix)
    );
    to.push_back(live_key(
        "multitenancy.reserved_slugs",
        LEASEHOLD_AT(multitenancy.reserved_slugs),
        "besides admin, api, www, default, registry, shared, public, pg...",
        slugs
    ));
    to.push_back(live_key(
        "multitenancy.delete_grace",
        LEASEHOLD_AT(multitenancy.delete_grace),
        "suspended this long before anything is dropped"
    ));
    to.push_back(live_key("license.file", LEASEHOLD_AT(license.file), "", not_empty));
}

void add_vault(rows& to)
{
    to.push_back(key("vault.enabled", LEASEHOLD_AT(vault.enabled), ""));
    to.push_back(key("vault.url", LEASEHOLD_AT(vault.url), "nodes; the active one is found by health", urls));
    to.push_back(key("vault.namespace", LEASEHOLD_AT(vault.name_space), ""));
    to.push_back(live_key("vault.ca_file", LEASEHOLD_AT(vault.ca_file), "empty: the system's certificates"));
    to.push_back(
        key("vault.redirect_allow",
            LEASEHOLD_AT(vault.redirect_allow),
            "further nodes that a standby may name",
            urls)
    );
    to.push_back(key("vault.timeouts.connect", LEASEHOLD_AT(vault.timeouts.connect), "", positive));
    to.push_back(key("vault.timeouts.call", LEASEHOLD_AT(vault.timeouts.call), "", positive));
    to.push_back(key("vault.mounts.kv", LEASEHOLD_AT(vault.mounts.kv), "", not_empty));
    to.push_back(key("vault.mounts.database", LEASEHOLD_AT(vault.mounts.database), "", not_empty));
    to.push_back(key("vault.mounts.transit", LEASEHOLD_AT(vault.mounts.transit), "", not_empty));
    to.push_back(choice(
        "vault.auth.router.method",
        LEASEHOLD_AT(vault.auth.router.method),
        "approle: role_id_file and secret_id_file; token: token_file. Files are read at each login",
        {"approle", "token"}
    ));
    to.push_back(key("vault.auth.router.mount", LEASEHOLD_AT(vault.auth.router.mount), "", not_empty));
    to.push_back(live_key("vault.auth.router.role_id_file", LEASEHOLD_AT(vault.auth.router.role_id_file), "")
    );
    to.push_back(
        live_key("vault.auth.router.secret_id_file", LEASEHOLD_AT(vault.auth.router.secret_id_file), "")
    );
    to.push_back(live_key("vault.auth.router.token_file", LEASEHOLD_AT(vault.auth.router.token_file), ""));
    to.push_back(choice(
        "vault.auth.provisioner.method", LEASEHOLD_AT(vault.auth.provisioner.method), "", {"approle", "token"}
    ));
    to.push_back(
        key("vault.auth.provisioner.mount", LEASEHOLD_AT(vault.auth.provisioner.mount), "", not_empty)
    );
    to.push_back(
        live_key("vault.auth.provisioner.role_id_file", LEASEHOLD_AT(vault.auth.provisioner.role_id_file), "")
    );
    to.push_back(live_key(
        "vault.auth.provisioner.secret_id_file", LEASEHOLD_AT(vault.auth.provisioner.secret_id_file), ""
    ));
    to.push_back(
        live_key("vault.auth.provisioner.token_file", LEASEHOLD_AT(vault.auth.provisioner.token_file), "")
    );
    to.push_back(key("vault.bootstrap.binary", LEASEHOLD_AT(vault.bootstrap.binary), "", not_empty));
    to.push_back(
        key("vault.bootstrap.config_file", LEASEHOLD_AT(vault.bootstrap.config_file), "empty: never started")
    );
    to.push_back(key("vault.bootstrap.data_path", LEASEHOLD_AT(vault.bootstrap.data_path), ""));
    to.push_back(
        key("vault.bootstrap.keys_file",
            LEASEHOLD_AT(vault.bootstrap.keys_file),
            "unseal material, 0600, created once")
    );
    to.push_back(
        key("vault.bootstrap.token_file",
            LEASEHOLD_AT(vault.bootstrap.token_file),
            "used when provision-bootstrap gets no --bao-token")
    );
}

void add_control_plane(rows& to)
{
    to.push_back(key("control_plane.listen", LEASEHOLD_AT(control_plane.listen), ""));
    to.push_back(key(
        "control_plane.public_url", LEASEHOLD_AT(control_plane.public_url), "how others reach it", check_url
    ));
    to.push_back(live_key("control_plane.tls.cert_file", LEASEHOLD_AT(control_plane.tls.cert_file), ""));
    to.push_back(live_key("control_plane.tls.key_file", LEASEHOLD_AT(control_plane.tls.key_file), ""));
    to.push_back(
        key("control_plane.router_address",
            LEASEHOLD_AT(control_plane.router_address),
            "where tenant data is read; empty: the router of this process")
    );
    to.push_back(
        key("control_plane.router_ca_file",
            LEASEHOLD_AT(control_plane.router_ca_file),
            "of the router's certificate; empty: registry.ca_file")
    );
    to.push_back(
        key("control_plane.bootstrap.key_file",
            LEASEHOLD_AT(control_plane.bootstrap.key_file),
            "the first owner's key is written here, once")
    );
    to.push_back(
        key("control_plane.bootstrap.supplied_key_file",
            LEASEHOLD_AT(control_plane.bootstrap.supplied_key_file),
            "holds that key already: nothing is written")
    );
    to.push_back(
        key("control_plane.bootstrap.lifetime", LEASEHOLD_AT(control_plane.bootstrap.lifetime), "", positive)
    );
    to.push_back(key(
        "control_plane.operations.workers", LEASEHOLD_AT(control_plane.operations.workers), "", between(1, 64)
    ));
    to.push_back(
        key("control_plane.operations.lease",
            LEASEHOLD_AT(control_plane.operations.lease),
            "a worker's hold on an operation",
            positive)
    );
}

void add_router(rows& to)
{
    to.push_back(key("router.listen", LEASEHOLD_AT(router.listen), "a list; unix:/path too", not_empty));
    to.push_back(
        key("router.advertise",
            LEASEHOLD_AT(router.advertise),
            "address for connection strings and other nodes; empty: listen",
            advertised)
    );
    to.push_back(live_key(
        "router.tls.cert_file",
        LEASEHOLD_AT(router.tls.cert_file),
        "set: TLS is required; empty: none, loopback only"
    ));
    to.push_back(live_key("router.tls.key_file", LEASEHOLD_AT(router.tls.key_file), ""));
    to.push_back(
        key("router.lanes", LEASEHOLD_AT(router.lanes), "relay lanes; 0 = one per core", between(0, 1024))
    );
    to.push_back(
        key("router.front_lanes",
            LEASEHOLD_AT(router.front_lanes),
            "0 = one per 4 relay lanes, at least 1",
            between(0, 1024))
    );
    to.push_back(live_key(
        "router.pool.max_per_tenant", LEASEHOLD_AT(router.pool.max_per_tenant), "", between(1, 10000)
    ));
    to.push_back(live_key("router.pool.idle_timeout", LEASEHOLD_AT(router.pool.idle_timeout), "", positive));
    to.push_back(
        live_key("router.pool.checkout_timeout", LEASEHOLD_AT(router.pool.checkout_timeout), "", positive)
    );
    to.push_back(live_key("router.clients.max", LEASEHOLD_AT(router.clients.max), "", between(1, 1000000)));
    to.push_back(live_key(
        "router.clients.login_timeout",
        LEASEHOLD_AT(router.clients.login_timeout),
        "accept to ready",
        positive
    ));
    to.push_back(
        live_key("router.clients.idle_timeout", LEASEHOLD_AT(router.clients.idle_timeout), "0s = none")
    );
    to.push_back(
        key("router.lease.rotate_at",
            LEASEHOLD_AT(router.lease.rotate_at),
            "part of a lease's life after which it is replaced",
            within(0.1, 0.95))
    );
    to.push_back(
        key("router.lease.jitter", LEASEHOLD_AT(router.lease.jitter), "spread of that moment", within(0, 0.5))
    );
    to.push_back(key("router.lease.drain", LEASEHOLD_AT(router.lease.drain), "", positive));
    to.push_back(key("router.connect_timeout", LEASEHOLD_AT(router.connect_timeout), "", positive));
}

void add_agents(rows& to)
{
    to.push_back(key("agents.listen", LEASEHOLD_AT(agents.listen), ""));
    to.push_back(live_key("agents.tls.cert_file", LEASEHOLD_AT(agents.tls.cert_file), ""));
    to.push_back(live_key("agents.tls.key_file", LEASEHOLD_AT(agents.tls.key_file), ""));
    to.push_back(
        live_key("agents.token.default_lifetime", LEASEHOLD_AT(agents.token.default_lifetime), "", positive)
    );
    to.push_back(live_key("agents.token.max_lifetime", LEASEHOLD_AT(agents.token.max_lifetime), "", positive)
    );
    to.push_back(
        live_key("agents.token.default_uses", LEASEHOLD_AT(agents.token.default_uses), "", between(1, 100000))
    );
    to.push_back(live_key("agents.heartbeat.interval", LEASEHOLD_AT(agents.heartbeat.interval), "", positive)
    );
    to.push_back(live_key(
        "agents.max_offline",
        LEASEHOLD_AT(agents.max_offline),
        "how long an expired credential still buys a renewal",
        positive
    ));
}

void add_rest(rows& to)
{
    to.push_back(key("provisioning.servers", LEASEHOLD_AT(provisioning.servers), "entries as shown below"));
    to.push_back(
        key("migrations.tenant_dir", LEASEHOLD_AT(migrations.tenant_dir), "own files of the tenant chain")
    );
    to.push_back(choice(
        "migrations.tenant_mode",
        LEASEHOLD_AT(migrations.tenant_mode),
        "extend: beside the built-in ones; replace: instead of them",
        {"extend", "replace"}
    ));
    to.push_back(
        key("migrations.parallel_per_server",
            LEASEHOLD_AT(migrations.parallel_per_server),
            "databases at one time",
            between(1, 256))
    );
    to.push_back(
        key("migrations.target.lock_timeout",
            LEASEHOLD_AT(migrations.target.lock_timeout),
            "both where a file says nothing else",
            positive)
    );
    to.push_back(key(
        "migrations.target.statement_timeout", LEASEHOLD_AT(migrations.target.statement_timeout), "", positive
    ));
    to.push_back(
        key("migrations.target.retries", LEASEHOLD_AT(migrations.target.retries), "", between(0, 100))
    );
    to.push_back(key("limits.request.body", LEASEHOLD_AT(limits.request.body), "", positive));
    to.push_back(key("limits.request.timeout", LEASEHOLD_AT(limits.request.timeout), "", positive));
    to.push_back(key(
        "limits.drain_timeout", LEASEHOLD_AT(limits.drain_timeout), "at stop, for every listener", positive
    ));
    to.push_back(
        live_key("limits.tenant.max_hosts", LEASEHOLD_AT(limits.tenant.max_hosts), "", between(0, 10000000))
    );
    to.push_back(live_key(
        "limits.tenant.max_connections", LEASEHOLD_AT(limits.tenant.max_connections), "", between(1, 100000)
    ));
    to.push_back(live_key(
        "limits.tenant.max_clients",
        LEASEHOLD_AT(limits.tenant.max_clients),
        "of one router; 0: none",
        between(0, 100000)
    ));
    to.push_back(
        live_key("limits.tenant.max_keys", LEASEHOLD_AT(limits.tenant.max_keys), "", between(1, 100000))
    );
    to.push_back(
        live_key("limits.tenant.max_tokens", LEASEHOLD_AT(limits.tenant.max_tokens), "", between(1, 100000))
    );
    to.push_back(choice(
        "log.level", LEASEHOLD_AT(log.level), "debug, info, warn, error", {"info", "debug", "warn", "error"}
    ));
    to.push_back(choice("log.format", LEASEHOLD_AT(log.format), "json, text", {"json", "text"}));
    to.back().is_reloadable = true;
    (to.end() - 2)->is_reloadable = true;
    to.push_back(key("metrics.listen", LEASEHOLD_AT(metrics.listen), ""));
    to.push_back(live_key("metrics.token_file", LEASEHOLD_AT(metrics.token_file), "needed beyond loopback"));
}

struct section_text
{
    std::string_view section;
    std::string_view comment;
};
constexpr std::array sections{
    section_text{"registry", "the catalog: no tenant data, no tenant password"},
    section_text{"registry.control_plane", "login of the control plane"},
    section_text{"registry.router", "login of the router: routing views and functions only"},
    section_text{"registry.migrate", "login of `leasehold migrate`"},
    section_text{"shared", "reference data, the same for every tenant"},
    section_text{"vault", "the broker: OpenBAO or Vault"},
    section_text{"vault.auth", "one identity per role; a router never gets the provisioner's"},
    section_text{
        "vault.bootstrap",
        "a broker on this machine: `migrate --managed-broker` starts it when it is down, then stops it"},
    section_text{"control_plane", "HTTP API"},
    section_text{"router", "PostgreSQL for tenants' clients"},
    section_text{"agents", "HTTP for agents"},
    section_text{"provisioning", "read by `leasehold provision-bootstrap` alone"},
    section_text{"migrations.target", "one database"},
    section_text{"limits.tenant", "where a tenant's own limits say nothing"},
    section_text{"metrics", "/metrics, /healthz, /readyz"},
};

std::size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0U);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

const std::vector<key_row<config>>& config_keys()
{
    static const rows all = [] {
        rows made;
        add_registry(made);
        add_shared(made);
        add_tenancy(made);
        add_vault(made);
        add_control_plane(made);
        add_router(made);
        add_agents(made);
        add_rest(made);
        return made;
    }();
    return all;
}

const std::vector<key_row<provisioned_server_config>>& server_keys()
{
    static const std::vector<key_row<provisioned_server_config>> all{
        server_key("name", LEASEHOLD_AT(name), "", name_of_server),
        server_key("hosts", LEASEHOLD_AT(hosts), "", not_empty),
        server_key("region", LEASEHOLD_AT(region), ""),
        server_key("jurisdiction", LEASEHOLD_AT(jurisdiction), ""),
        server_key("ca_file", LEASEHOLD_AT(ca_file), ""),
        server_key(
            "broker_ca_file",
            LEASEHOLD_AT(broker_ca_file),
            "the same certificate as the broker's machine and user see it"
        ),
        server_key("superuser", LEASEHOLD_AT(superuser), "", not_empty),
        server_key(
            "superuser_password_file", LEASEHOLD_AT(superuser_password_file), "used once, never afterwards"
        ),
        server_key(
            "connection_budget",
            LEASEHOLD_AT(connection_budget),
            "0: max_connections - reserved - 10",
            between(0, 100000)
        ),
        server_key("accept", LEASEHOLD_AT(accept), "findings taken knowingly", findings),
    };
    return all;
}

#undef LEASEHOLD_AT

std::string_view section_comment(std::string_view section) noexcept
{
    for (const auto& row : sections)
        if (row.section == section) return row.comment;
    return {};
}

std::string nearest_name(std::string_view unknown, const std::vector<std::string>& valid)
{
    const auto last = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
    std::string best;
    auto least = static_cast<std::size_t>(-1);
    for (const auto& name : valid) {
        // The right key in the wrong section counts as one slip.
        const auto distance =
            std::min(edit_distance(unknown, name), 2 * edit_distance(last(unknown), last(name)) + 1);
        if (distance >= least) continue;
        least = distance;
        best = name;
    }
    return best;
}

std::string variable_of(std::string_view key)
{
    std::string name = "LEASEHOLD__";
    for (const char c : key) {
        if (c == '.')
            name += "__";
        else
            name += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return name;
}

complaint read_value(const yaml_node& from, std::vector<provisioned_server_config>& into)
{
    if (from.kind != yaml_node::shape::list) return "needs a list of servers";
    std::vector<std::string> names;
    for (const auto& row : server_keys()) names.push_back(row.name);
    std::vector<provisioned_server_config> servers;
    std::string wrong;  // all of them, one sentence each
    const auto add = [&](int line, std::string_view text) {
        wrong += fmt::format("{}line {}: {}", wrong.empty() ? "" : "; ", line, text);
    };
    for (const auto& node : from.items) {
        provisioned_server_config server;
        std::set<std::string> seen;
        if (node.kind != yaml_node::shape::map) {
            add(node.line, "a server is a mapping of its keys");
            continue;
        }
        for (const auto& [name, value] : node.entries) {
            const auto row =
                std::find_if(server_keys().begin(), server_keys().end(), [&, &name = name](const auto& r) {
                    return name.kind == yaml_node::shape::scalar && r.name == name.text;
                });
            if (row == server_keys().end())
                add(name.line,
                    fmt::format(
                        "unknown key {}, the nearest is {}", name.text, nearest_name(name.text, names)
                    ));
            else if (!seen.insert(name.text).second)
                add(name.line, fmt::format("{} is there twice", name.text));
            else if (const auto bad = row->set(server, value))
                add(value.line, fmt::format("{} {}", name.text, *bad));
        }
        for (const auto* needed : {"name", "hosts"})
            if (!seen.contains(needed)) add(node.line, fmt::format("a server needs {}", needed));
        servers.push_back(std::move(server));
    }
    if (!wrong.empty()) return wrong;
    into = std::move(servers);
    return {};
}

std::string to_yaml(const std::vector<provisioned_server_config>& values)
{
    std::string text = "[";
    for (const auto& value : values) {
        text += text.size() > 1 ? ", {" : "{";
        bool is_first = true;
        for (const auto& row : server_keys()) {
            text += fmt::format("{}{}: {}", is_first ? "" : ", ", row.name, row.get(value));
            is_first = false;
        }
        text += "}";
    }
    return text + "]";
}

}  // namespace leasehold
