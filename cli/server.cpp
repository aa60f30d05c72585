#include "api.hpp"
#include "command.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "server_choice.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

// How many findings of the last preflight are not mended; those taken knowingly do not count.
std::string preflight_summary(const json& server)
{
    const auto findings = server.find("preflight");
    if (findings == server.end() || !findings->is_array() || findings->empty()) return "not run";
    int open = 0;
    int accepted = 0;
    for (const auto& one : *findings) {
        if (one.value("ok", false)) continue;
        one.value("accepted", false) ? ++accepted : ++open;
    }
    auto text = open == 0 ? std::string("ok") : std::to_string(open) + " open";
    if (accepted != 0) text += ", " + std::to_string(accepted) + " accepted";
    return text;
}

int list(const invocation& how)
{
    api server(how);
    const auto all = server.list("/servers");
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows(
        {"name", "region", "jurisdiction", "state", "version", "tenants", "budget", "preflight", "looked at"}
    );
    for (const auto& one : all.at("items")) {
        rows.add(
            {cell(one, "name"),
             cell(one, "region"),
             cell(one, "jurisdiction"),
             cell(one, "state"),
             cell(one, "version"),
             cell(one, "tenants"),
             cell(one, "connection_budget"),
             preflight_summary(one),
             cell(one, "preflight_at")}
        );
    }
    print(rows.to_text());
    return 0;
}

int show(const invocation& how, const std::string& named)
{
    api server(how);
    const auto found = find_server(server, named);
    if (how.json) {
        print_json(found);
        return 0;
    }
    print_members(
        found,
        {"name",
         "id",
         "addresses",
         "region",
         "jurisdiction",
         "state",
         "version",
         "tenants",
         "max_tenants",
         "connection_budget",
         "accepted",
         "preflight_at"}
    );
    table rows({"check", "ok", "found", "want", "fix"});
    const auto findings = found.value("preflight", json::array());
    for (const auto& one : findings) {
        const bool ok = one.value("ok", false);
        rows.add(
            {cell(one, "check"),
             ok ? "yes" : (one.value("accepted", false) ? "accepted" : "NO"),
             cell(one, "found"),
             cell(one, "want"),
             ok ? "" : cell(one, "fix")}
        );
    }
    if (!findings.empty()) print(rows.to_text());
    return 0;
}

}  // namespace

json find_server(api& at, const std::string& named)
{
    const auto all = at.list("/servers");
    for (const auto& one : all.at("items")) {
        if (one.value("name", "") == named || one.value("id", "") == named) return one;
    }
    throw error(error_kind::not_found, "server_not_found", "there is no server '" + named + "'");
}

// The PostgreSQL servers that hold tenants.
void declare_server(command& at, const invocation& how)
{
    at.sub("list", "all servers with their last preflight").runs([&how] { return list(how); });

    auto& one = at.sub("show", "one server and each finding of its preflight");
    const auto named = std::make_shared<std::string>();
    one.argument("SERVER", *named, "name or id");
    one.runs([&how, named] { return show(how, *named); });
}

}  // namespace leasehold::cli
