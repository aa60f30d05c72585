#include "api.hpp"
#include "command.hpp"
#include "failure.hpp"
#include "operation_watch.hpp"
#include "output.hpp"
#include "server_choice.hpp"
#include "tenant_choice.hpp"
#include "tenant_verify.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

struct wish
{
    std::string tenant;  // T of the other commands
    std::string name;
    std::optional<std::string> slug;
    std::optional<std::string> tier;
    std::optional<std::string> region;
    std::optional<std::string> jurisdiction;
    std::optional<std::string> server;
    std::optional<std::string> edition;
    std::vector<std::string> limits;  // K=V
    std::optional<std::string> reason;
    std::optional<std::string> confirm;
    std::optional<std::chrono::milliseconds> grace;
    std::optional<std::string> state;
    bool all = false;
    bool wait = false;  // the default; accepted so that a script may say it
    bool no_wait = false;
};

// Behind `tenant create` and `tenant list`, --server is where the data lies.
void refuse_url(const wish& what)
{
    if (what.server && what.server->find("://") != std::string::npos) {
        throw usage_error("here --server names a PostgreSQL server; the control plane's URL stands before "
                          "the command, or in LEASEHOLD_SERVER");
    }
}

int list(const invocation& how, const wish& what)
{
    refuse_url(what);
    api server(how);
    std::string query;
    if (what.state) query = "state=" + encode_query(*what.state);
    if (what.server) {
        query += (query.empty() ? "" : "&") + std::string("server_id=") +
                 find_server(server, *what.server).at("id").get<std::string>();
    }
    const auto all = server.list("/tenants", query);
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows({"slug", "name", "state", "tid", "database", "id"});
    for (const auto& one : all.at("items")) {
        const auto placed = one.contains("placement") && one["placement"].is_object();
        rows.add(
            {cell(one, "slug"),
             cell(one, "name"),
             cell(one, "state"),
             cell(one, "tid"),
             placed ? cell(one["placement"], "database") : "-",
             cell(one, "id")}
        );
    }
    print(rows.to_text());
    return 0;
}

int follow(api& server, const invocation& how, const wish& what, json operation)
{
    if (!what.no_wait) return watch_operation(server, how, std::move(operation));
    if (how.json) {
        print_json(operation);
    } else {
        print(cell(operation, "id") + " " + cell(operation, "state"));
    }
    return 0;
}

int create(const invocation& how, const wish& what)
{
    refuse_url(what);
    api server(how);
    json body{{"slug", what.slug.value_or(what.name)}, {"name", what.name}};
    if (what.tier) body["tier"] = *what.tier;
    if (what.region) body["region"] = *what.region;
    if (what.jurisdiction) body["jurisdiction"] = *what.jurisdiction;
    if (what.edition) body["edition"] = *what.edition;
    if (what.server) body["server_id"] = find_server(server, *what.server).at("id");
    for (const auto& limit : what.limits) {
        const auto equals = limit.find('=');
        if (equals == std::string::npos)
            throw usage_error(fmt::format("--limit {} is not of the form NAME=NUMBER", limit));
        const auto value = json::parse(limit.substr(equals + 1), nullptr, false);
        if (!value.is_number_integer())
            throw usage_error(fmt::format("--limit {}: the value is no whole number", limit));
        body["limits"][limit.substr(0, equals)] = value;
    }
    return follow(server, how, what, json::parse(server.post("/tenants", body)));
}

int show(const invocation& how, const wish& what)
{
    api server(how);
    const auto tenant = choose_tenant(server, how, what.tenant);
    const auto found = json::parse(server.get("/tenants/" + tenant.id));
    if (how.json) {
        print_json(found);
        return 0;
    }
    print_members(
        found,
        {"slug",
         "name",
         "id",
         "tid",
         "state",
         "edition",
         "limits",
         "settings",
         "generation",
         "created_at",
         "created_by"}
    );
    if (found.contains("placement") && found["placement"].is_object()) {
        print_members(found["placement"], {"server_id", "tier", "database", "schema", "generation", "state"});
    }
    return 0;
}

int connection(const invocation& how, const wish& what)
{
    api server(how);
    const auto tenant = choose_tenant(server, how, what.tenant);
    const auto found = json::parse(server.get("/tenants/" + tenant.id + "/connection"));
    if (how.json) {
        print_json(found);
    } else {
        print_members(found, {"host", "port", "database", "user", "uri"});
    }
    return 0;
}

int suspend(const invocation& how, const wish& what)
{
    api server(how);
    const auto tenant = choose_tenant(server, how, what.tenant);
    const json body{{"reason", what.reason.value_or("")}};
    return follow(server, how, what, json::parse(server.post("/tenants/" + tenant.id + "/suspend", body)));
}

int resume(const invocation& how, const wish& what)
{
    api server(how);
    const auto tenant = choose_tenant(server, how, what.tenant);
    return follow(
        server, how, what, json::parse(server.post("/tenants/" + tenant.id + "/resume", json::object()))
    );
}

int remove(const invocation& how, const wish& what)
{
    if (!what.confirm)
        throw usage_error("a tenant is deleted with all its data: repeat its slug as --confirm SLUG");
    api server(how);
    const auto tenant = choose_tenant(server, how, what.tenant);
    json body{{"confirm", *what.confirm}};
    if (what.grace)
        body["grace_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(*what.grace).count();
    return follow(server, how, what, json::parse(server.post("/tenants/" + tenant.id + "/delete", body)));
}

}  // namespace

// Tenants: the catalog, and the operations on them.
void declare_tenant(command& at, const invocation& how)
{
    const auto what = std::make_shared<wish>();
    const auto names_tenant = [&](command& to) {
        to.optional_argument("TENANT", what->tenant, "id, slug or tid; default: --tenant, or the key's own");
    };
    const auto may_wait = [&](command& to) {
        to.flag("--wait", what->wait, "follow the operation to its end (the default)");
        to.flag("--no-wait", what->no_wait, "return as soon as the operation has begun");
    };

    auto& listing = at.sub("list", "all tenants");
    listing.option("--state", what->state, "only those in this state");
    listing.option("--server", what->server, "only those on this server");
    listing.runs([&how, what] { return list(how, *what); });

    auto& creating = at.sub("create", "a new tenant with a database of its own");
    creating.argument("NAME", what->name, "its name, and its slug unless --slug says otherwise");
    creating.option("--slug", what->slug, "its name in addresses");
    creating.option("--tier", what->tier, "database");
    creating.option("--region", what->region, "where its data lies");
    creating.option("--jurisdiction", what->jurisdiction, "whose law its data is under");
    creating.option("--server", what->server, "on this server (name or id) and no other");
    creating.option("--edition", what->edition, "narrows the features of the license");
    creating.option("--limit", what->limits, "NAME=NUMBER, as max_hosts=10; repeatable");
    may_wait(creating);
    creating.runs([&how, what] { return create(how, *what); });

    auto& showing = at.sub("show", "one tenant and its placement");
    names_tenant(showing);
    showing.runs([&how, what] { return show(how, *what); });

    auto& connecting = at.sub("connection", "how a PostgreSQL client reaches it");
    names_tenant(connecting);
    connecting.runs([&how, what] { return connection(how, *what); });

    auto& suspending = at.sub("suspend", "cut its sessions and refuse new ones");
    names_tenant(suspending);
    suspending.option("--reason", what->reason, "why, for the audit trail");
    may_wait(suspending);
    suspending.runs([&how, what] { return suspend(how, *what); });

    auto& resuming = at.sub("resume", "serve a suspended tenant again");
    names_tenant(resuming);
    may_wait(resuming);
    resuming.runs([&how, what] { return resume(how, *what); });

    auto& removing = at.sub("delete", "delete it with all its data, after the grace");
    names_tenant(removing);
    removing.option("--confirm", what->confirm, "its slug once more");
    removing.option("--grace", what->grace, "how long it is only suspended: 0s, 24h, 7d");
    may_wait(removing);
    removing.runs([&how, what] { return remove(how, *what); });

    auto& verifying = at.sub("verify", "try whether its data lands where it should");
    names_tenant(verifying);
    verifying.flag("--all", what->all, "every active tenant");
    verifying.runs([&how, what] { return verify_tenants(how, what->tenant, what->all); });
}

}  // namespace leasehold::cli
