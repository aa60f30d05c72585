#include "api.hpp"
#include "command.hpp"
#include "output.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {

// The installation as the control plane sees it.
void declare_status(command& at, const invocation& how)
{
    at.runs([&how] {
        api server(how);
        const auto status = nlohmann::json::parse(server.get("/status"));
        if (how.json) {
            print_json(status);
            return 0;
        }
        print_members(status, {"version", "mode", "license", "installation"});
        table routers({"router", "role", "address", "version", "applied", "seen"});
        const auto all = status.value("routers", nlohmann::json::array());
        for (const auto& one : all) {
            routers.add(
                {cell(one, "id"),
                 cell(one, "role"),
                 cell(one, "address"),
                 cell(one, "version"),
                 cell(one, "applied_change"),
                 cell(one, "seen_at")}
            );
        }
        if (!all.empty()) print(routers.to_text());
        return 0;
    });
}

}  // namespace leasehold::cli
