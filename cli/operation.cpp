#include "api.hpp"
#include "command.hpp"
#include "operation_watch.hpp"
#include "output.hpp"
#include "tenant_choice.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

int list(const invocation& how)
{
    api server(how);
    std::string query;
    if (!how.tenant.empty()) query = "tenant_id=" + choose_tenant(server, how).id;
    const auto all = server.list("/operations", query);
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows({"id", "kind", "tenant", "state", "percent", "created", "finished"});
    for (const auto& one : all.at("items")) {
        rows.add(
            {cell(one, "id"),
             cell(one, "kind"),
             cell(one, "tenant_id"),
             cell(one, "state"),
             cell(one, "percent"),
             cell(one, "created_at"),
             cell(one, "finished_at")}
        );
    }
    print(rows.to_text());
    return 0;
}

int show(const invocation& how, const std::string& id)
{
    api server(how);
    const auto found = json::parse(server.get("/operations/" + encode_query(id)));
    if (how.json) {
        print_json(found);
        return 0;
    }
    print_members(
        found,
        {"id",
         "kind",
         "tenant_id",
         "state",
         "percent",
         "waiting_for",
         "error",
         "result",
         "created_by",
         "created_at",
         "started_at",
         "finished_at"}
    );
    table rows({"step", "state", "attempts", "started", "finished", "error"});
    for (const auto& step : found.value("steps", json::array())) {
        const auto why =
            step.contains("error") && step["error"].is_object() ? cell(step["error"], "detail") : "";
        rows.add(
            {cell(step, "name"),
             cell(step, "state"),
             cell(step, "attempts"),
             cell(step, "started_at"),
             cell(step, "finished_at"),
             why}
        );
    }
    print(rows.to_text());
    return 0;
}

int watch(const invocation& how, const std::string& id)
{
    api server(how);
    return watch_operation(server, how, json::parse(server.get("/operations/" + encode_query(id))));
}

int act(const invocation& how, const std::string& id, const std::string& verb, bool no_wait)
{
    api server(how);
    auto changed = json::parse(server.post("/operations/" + encode_query(id) + "/" + verb));
    if (!no_wait) return watch_operation(server, how, std::move(changed));
    if (how.json) {
        print_json(changed);
    } else {
        print(cell(changed, "id") + " " + cell(changed, "state"));
    }
    return 0;
}

}  // namespace

// Durable work and its steps.
void declare_operation(command& at, const invocation& how)
{
    at.sub("list", "newest first; --tenant T for those of one tenant").runs([&how] { return list(how); });

    const auto id = std::make_shared<std::string>();
    auto& showing = at.sub("show", "one operation and its steps");
    showing.argument("ID", *id, "its id");
    showing.runs([&how, id] { return show(how, *id); });

    auto& watching = at.sub("watch", "follow it to its end");
    watching.argument("ID", *id, "its id");
    watching.runs([&how, id] { return watch(how, *id); });

    const auto no_wait = std::make_shared<bool>(false);
    const auto verb = [&](const std::string& name, const std::string& about) {
        auto& one = at.sub(name, about);
        one.argument("ID", *id, "its id");
        one.flag("--no-wait", *no_wait, "return at once");
        one.runs([&how, id, no_wait, name] { return act(how, *id, name, *no_wait); });
    };
    verb("retry", "go on with a failed operation at its first unfinished step");
    verb("cancel", "stop it before its next step, where that is possible");
}

}  // namespace leasehold::cli
