#include "api.hpp"
#include "command.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "tenant_choice.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

std::string path_of(const chosen_tenant& tenant)
{
    return "/tenants/" + tenant.id + "/enrollment-tokens";
}

int list(const invocation& how)
{
    api server(how);
    const auto tenant = choose_tenant(server, how);
    const auto all = server.list(path_of(tenant));
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows({"id", "label", "state", "uses", "expires", "approval", "cidr", "last used"});
    for (const auto& one : all.at("items")) {
        rows.add(
            {cell(one, "id"),
             cell(one, "label"),
             cell(one, "state"),
             cell(one, "uses") + "/" + cell(one, "max_uses"),
             cell(one, "expires_at"),
             cell(one, "approval"),
             cell(one, "cidr"),
             cell(one, "last_used_at")}
        );
    }
    print(rows.to_text());
    return 0;
}

struct wish
{
    std::string label;
    std::optional<std::int64_t> uses;
    std::optional<std::chrono::milliseconds> ttl;
    std::optional<std::string> approval;
    std::optional<std::string> cidr;
    std::vector<std::string> tags;  // K=V
    std::optional<std::string> out;
};

int create(const invocation& how, const wish& what)
{
    const secret_output out(what.out);
    api server(how);
    const auto tenant = choose_tenant(server, how);
    json body{{"label", what.label.empty() ? "cli" : what.label}};
    if (what.uses) body["max_uses"] = *what.uses;
    if (what.ttl)
        body["expires_in_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(*what.ttl).count();
    if (what.approval) body["approval"] = *what.approval;
    if (what.cidr) body["cidr"] = *what.cidr;
    for (const auto& tag : what.tags) {
        const auto equals = tag.find('=');
        if (equals == std::string::npos)
            throw usage_error(fmt::format("--tag {} is not of the form NAME=VALUE", tag));
        body["tags"][tag.substr(0, equals)] = tag.substr(equals + 1);
    }
    auto made = json::parse(server.post(path_of(tenant), body));
    out.take(made, "token");
    if (out.is_file()) made.erase("agent_yaml");  // it holds the token too
    if (how.json) {
        print_json(made);
        return 0;
    }
    note(
        how,
        fmt::format(
            "token {} for {} uses, until {}",
            cell(made, "id"),
            cell(made, "max_uses"),
            cell(made, "expires_at")
        )
    );
    if (out.is_file()) {
        note(how, fmt::format("written to {}", out.file()));
    } else {
        print(made.at("token").get_ref<const std::string&>());
    }
    return 0;
}

int show(const invocation& how, const std::string& id)
{
    api server(how);
    const auto tenant = choose_tenant(server, how);
    const auto found = json::parse(server.get(path_of(tenant) + "/" + encode_query(id)));
    if (how.json) {
        print_json(found);
        return 0;
    }
    print_members(
        found,
        {"id",
         "label",
         "state",
         "uses",
         "max_uses",
         "expires_at",
         "approval",
         "cidr",
         "tags",
         "created_by",
         "created_at",
         "last_used_at"}
    );
    return 0;
}

int revoke(const invocation& how, const std::string& id, bool with_hosts)
{
    api server(how);
    const auto tenant = choose_tenant(server, how);
    const auto query = with_hosts ? "?with_hosts=true" : "";
    const auto answer = json::parse(server.del(path_of(tenant) + "/" + encode_query(id) + query));
    if (how.json) {
        print_json(answer);
        return 0;
    }
    const auto joined = answer.value("hosts_joined", std::int64_t{0});
    print(fmt::format(
        "revoked; {} hosts joined with it and {}", joined, with_hosts ? "are revoked too" : "stay"
    ));
    return 0;
}

}  // namespace

// Enrollment tokens: how hosts join a tenant.
void declare_token(command& at, const invocation& how)
{
    at.sub("list", "the tenant's tokens").runs([&how] { return list(how); });

    auto& making = at.sub("create", "a new token; its text is shown once");
    const auto what = std::make_shared<wish>();
    making.optional_argument("LABEL", what->label, "what it is for");
    making.option("--uses", what->uses, "how many hosts may join with it (default: 1)");
    making.option("--ttl", what->ttl, "how long it is good: 30m, 24h, 7d");
    making.option("--approval", what->approval, "auto, or manual: hosts wait until somebody approves them");
    making.option("--cidr", what->cidr, "only from this network");
    making.option("--tag", what->tags, "NAME=VALUE for the host's labels; repeatable");
    making.option("--out", what->out, "file for the token (0600), or - for the standard output");
    making.runs([&how, what] { return create(how, *what); });

    const auto id = std::make_shared<std::string>();
    auto& showing = at.sub("show", "one token");
    showing.argument("ID", *id, "its id");
    showing.runs([&how, id] { return show(how, *id); });

    const auto with_hosts = std::make_shared<bool>(false);
    auto& revoking = at.sub("revoke", "nobody joins with it any more");
    revoking.argument("ID", *id, "its id");
    revoking.flag("--with-hosts", *with_hosts, "revoke the hosts that joined with it as well");
    revoking.runs([&how, id, with_hosts] { return revoke(how, *id, *with_hosts); });
}

}  // namespace leasehold::cli
