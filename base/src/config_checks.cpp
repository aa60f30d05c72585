#include "config_table.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

namespace leasehold {
namespace {

using readable = std::function<bool(std::string_view)>;
using refusal = std::function<void(std::string_view, std::string)>;

bool is_loopback_url(std::string_view url)
{
    const auto begin = url.find("://");
    if (begin == std::string_view::npos) return false;
    auto authority = url.substr(begin + 3);
    authority = authority.substr(0, authority.find('/'));
    const bool has_port = authority.back() != ']' && authority.rfind(':') != std::string_view::npos;
    const auto parsed = address::parse(has_port ? std::string(authority) : std::string(authority) + ":0");
    return parsed && parsed->is_loopback();
}

bool is_https(std::string_view url)
{
    return url.substr(0, 8) == "https://";
}

void check_tls(const tls_files& files, std::string_view section, const refusal& refuse)
{
    if (files.cert_file.empty() == files.key_file.empty()) return;
    const auto* missing = files.cert_file.empty() ? "cert_file" : "key_file";
    refuse(fmt::format("{}.{}", section, missing), "certificate and key must be set together");
}

struct listener
{
    std::string_view key;
    std::string_view needs;  // the key that makes it fit for a network
    bool is_protected;
    std::vector<address> addresses;
};

std::vector<listener> listeners_of(const config& values)
{
    return {
        {"control_plane.listen",
         "control_plane.tls.cert_file",
         values.control_plane.tls.is_set(),
         {values.control_plane.listen}},
        {"agents.listen", "agents.tls.cert_file", values.agents.tls.is_set(), {values.agents.listen}},
        {"router.listen", "router.tls.cert_file", values.router.tls.is_set(), values.router.listen},
        {"metrics.listen", "metrics.token_file", !values.metrics.token_file.empty(), {values.metrics.listen}},
    };
}

void check_listeners(const config& values, bool is_development, const readable& ok, const refusal& refuse)
{
    std::map<std::string, std::string_view> taken;
    for (const auto& one : listeners_of(values)) {
        if (!ok(one.key)) continue;
        for (const auto& at : one.addresses) {
            const auto [first, is_new] = taken.emplace(at.to_string(), one.key);
            if (!is_new && (at.is_unix() || at.port != 0))
                refuse(one.key, fmt::format("{} is already taken by {}", at.to_string(), first->second));
            if (at.is_loopback()) continue;
            if (is_development)
                refuse(
                    one.key, fmt::format("{} is beyond loopback, which --dev does not allow", at.to_string())
                );
            else if (!one.is_protected && ok(one.needs))
                refuse(one.key, fmt::format("{} is beyond loopback and needs {}", at.to_string(), one.needs));
        }
    }
    check_tls(values.control_plane.tls, "control_plane.tls", refuse);
    check_tls(values.agents.tls, "agents.tls", refuse);
    check_tls(values.router.tls, "router.tls", refuse);
    const bool is_public = ok("control_plane.listen") && !values.control_plane.listen.is_loopback();
    const auto& url = values.control_plane.public_url;
    if (ok("control_plane.public_url") && !is_https(url) && (is_public || !is_loopback_url(url)))
        refuse("control_plane.public_url", "must be https beyond loopback");
}

void check_sslmode(
    const std::vector<address>& hosts, std::string_view mode, std::string_view section, const refusal& refuse
)
{
    if (mode == "verify-full") return;
    for (const auto& host : hosts)
        if (!host.is_loopback())
            refuse(
                fmt::format("{}.sslmode", section),
                fmt::format("must be verify-full, since {} is beyond loopback", host.to_string())
            );
}

void check_databases(const config& values, const readable& ok, const refusal& refuse)
{
    if (ok("registry.hosts") && ok("registry.sslmode"))
        check_sslmode(values.registry.hosts, values.registry.sslmode, "registry", refuse);
    if (!ok("shared.hosts") || values.shared.hosts.empty()) return;
    if (ok("shared.sslmode")) check_sslmode(values.shared.hosts, values.shared.sslmode, "shared", refuse);
    if (ok("shared.database") && values.shared.database.empty())
        refuse("shared.database", "is needed where shared.hosts is set");
    if (ok("shared.migrate.user") && values.shared.migrate.user.empty())
        refuse("shared.migrate.user", "is needed where shared.hosts is set");
}

void check_identity(
    const broker_identity_config& identity,
    const std::string& section,
    const readable& ok,
    const refusal& refuse
)
{
    const auto need = [&](const char* name, const path& file) {
        const auto key = section + "." + name;
        if (ok(key) && file.empty()) refuse(key, fmt::format("is needed for method {}", identity.method));
    };
    if (identity.method == "token") {
        need("token_file", identity.token_file);
    } else {
        need("role_id_file", identity.role_id_file);
        need("secret_id_file", identity.secret_id_file);
    }
}

void check_broker(const config& values, const readable& ok, const refusal& refuse)
{
    const auto& vault = values.vault;
    if (ok("multitenancy.enabled") && ok("vault.enabled") && values.multitenancy.enabled && !vault.enabled)
        refuse("multitenancy.enabled", "needs vault.enabled: true");
    if (!ok("vault.enabled") || !vault.enabled) return;
    if (ok("vault.url") && vault.url.empty())
        refuse("vault.url", "must not be empty while vault.enabled is true");
    const std::array<std::pair<std::string_view, const std::vector<std::string>*>, 2> lists{
        {{"vault.url", &vault.url}, {"vault.redirect_allow", &vault.redirect_allow}}};
    for (const auto& [key, list] : lists)
        for (const auto& url : *list)
            if (!is_https(url) && !is_loopback_url(url)) refuse(key, "must be https beyond loopback");
    check_identity(vault.auth.router, "vault.auth.router", ok, refuse);
    check_identity(vault.auth.provisioner, "vault.auth.provisioner", ok, refuse);
}

void check_servers(const std::vector<provisioned_server_config>& servers, const refusal& refuse)
{
    std::set<std::string> names;
    for (const auto& server : servers) {
        if (!names.insert(server.name).second)
            refuse("provisioning.servers", fmt::format("{} is there twice", server.name));
        bool is_local = true;
        for (const auto& host : server.hosts) is_local = is_local && host.is_unix();
        if (!is_local && server.ca_file.empty())
            refuse(
                "provisioning.servers",
                fmt::format("{} needs ca_file: its certificate is always checked", server.name)
            );
    }
}

void check_periods(const config& values, const readable& ok, const refusal& refuse)
{
    const auto& agents = values.agents;
    if (ok("agents.token.max_lifetime") && ok("agents.token.default_lifetime") &&
        agents.token.max_lifetime < agents.token.default_lifetime)
        refuse("agents.token.max_lifetime", "must not be shorter than agents.token.default_lifetime");
    if (ok("migrations.tenant_mode") && ok("migrations.tenant_dir") &&
        values.migrations.tenant_mode == "replace" && values.migrations.tenant_dir.empty())
        refuse("migrations.tenant_mode", "replace needs migrations.tenant_dir");
}

}  // namespace

void cross_check(
    const config& values, bool is_development, const readable& is_readable, const refusal& refuse
)
{
    check_listeners(values, is_development, is_readable, refuse);
    check_databases(values, is_readable, refuse);
    check_broker(values, is_readable, refuse);
    if (is_readable("provisioning.servers")) check_servers(values.provisioning.servers, refuse);
    check_periods(values, is_readable, refuse);
}

}  // namespace leasehold
