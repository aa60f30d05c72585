#include "api.hpp"
#include "command.hpp"
#include "output.hpp"
#include "tenant_choice.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

int list(const invocation& how)
{
    api server(how);
    const auto tenant = choose_tenant(server, how);
    const auto all = server.list("/tenants/" + tenant.id + "/hosts");
    if (how.json) {
        print_json(all);
        return 0;
    }
    table rows({"id", "name", "fqdn", "os", "agent", "status", "approval", "packages", "last seen"});
    for (const auto& one : all.at("items")) {
        rows.add(
            {cell(one, "id"),
             cell(one, "name"),
             cell(one, "fqdn"),
             cell(one, "os_name") + " " + cell(one, "os_version"),
             cell(one, "agent_version"),
             cell(one, "status"),
             cell(one, "approval"),
             cell(one, "packages"),
             cell(one, "last_seen_at")}
        );
    }
    print(rows.to_text());
    return 0;
}

int decide(const invocation& how, const std::string& id, const std::string& verb)
{
    api server(how);
    const auto tenant = choose_tenant(server, how);
    const auto answer =
        json::parse(server.post("/tenants/" + tenant.id + "/hosts/" + encode_query(id) + "/" + verb));
    if (how.json) {
        print_json(answer);
    } else {
        print(cell(answer, "id") + " " + cell(answer, "state"));
    }
    return 0;
}

}  // namespace

// Managed machines of a tenant. The list is tenant data: it takes a key of the tenant.
void declare_host(command& at, const invocation& how)
{
    at.sub("list", "the tenant's hosts").runs([&how] { return list(how); });

    const auto id = std::make_shared<std::string>();
    const auto verb = [&](const std::string& name, const std::string& about) {
        auto& one = at.sub(name, about);
        one.argument("ID", *id, "the host's id");
        one.runs([&how, id, name] { return decide(how, *id, name); });
    };
    verb("approve", "a waiting or locked host may send from now on");
    verb("reject", "a waiting host is turned away");
    verb("lock", "the host is refused until it is approved again");
    verb("revoke", "the host's credential ends for good");
}

}  // namespace leasehold::cli
