#include "tenant_verify.hpp"

#include "api.hpp"
#include "failure.hpp"
#include "output.hpp"
#include "tenant_choice.hpp"

#include <leasehold/base/ids.hpp>

#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

using nlohmann::json;

std::vector<json> reports_of(api& server, const invocation& how, const std::string& tenant, bool all)
{
    std::vector<json> reports;
    if (!all) {
        const auto one = choose_tenant(server, how, tenant);
        reports.push_back(json::parse(server.post("/tenants/" + one.id + "/verify")));
        return reports;
    }
    const auto tenants = server.list("/tenants", "state=active");
    for (const auto& one : tenants.at("items")) {
        try {
            reports.push_back(
                json::parse(server.post("/tenants/" + one.at("id").get<std::string>() + "/verify"))
            );
        } catch (const refused_by_server& refused) {  // one that cannot be tried does not hide the others
            reports.push_back({{"tenant", one.value("slug", "")}, {"problems", json::array({refused.code()})}}
            );
        }
    }
    return reports;
}

bool is_good(const json& report)
{
    return report.value("problems", json::array()).empty();
}

}  // namespace

int verify_tenants(const invocation& how, const std::string& tenant, bool all)
{
    api server(how);
    const auto reports = reports_of(server, how, tenant, all);
    table rows(
        {"tenant",
         "database",
         "route",
         "lease",
         "marker",
         "registry",
         "hosts",
         "missing",
         "orphan",
         "foreign",
         ""}
    );
    bool good = true;
    for (const auto& one : reports) {
        const bool fine = is_good(one);
        good = good && fine;
        rows.add(
            {cell(one, "tenant"),
             cell(one, "database"),
             cell(one, "route"),
             cell(one, "lease"),
             cell(one, "marker"),
             cell(one, "registry"),
             cell(one, "hosts"),
             cell(one, "missing"),
             cell(one, "orphan"),
             cell(one, "foreign"),
             fine ? "" : "FAIL " + cell(one, "problems")}
        );
    }
    if (how.json) {
        print_json(json{{"items", reports}, {"ok", good}});
    } else {
        print(rows.to_text());
    }
    return good ? 0 : 1;
}

}  // namespace leasehold::cli
