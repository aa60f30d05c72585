#include "api.hpp"
#include "command.hpp"
#include "output.hpp"

#include <nlohmann/json.hpp>

namespace leasehold::cli {

// Who the key belongs to.
void declare_whoami(command& at, const invocation& how)
{
    at.runs([&how] {
        api server(how);
        const auto who = nlohmann::json::parse(server.get("/whoami"));
        if (how.json) {
            print_json(who);
            return 0;
        }
        print_members(who, {"kind", "id", "name", "role", "platform_role", "expires_at"});
        for (const auto& tenant : who.value("tenants", nlohmann::json::array())) {
            print(
                "tenant         " + cell(tenant, "slug") + " (" + cell(tenant, "id") + "), " +
                cell(tenant, "role")
            );
        }
        return 0;
    });
}

}  // namespace leasehold::cli
