#include "operations/facilities.hpp"

#include "operations/operation_kind.hpp"

#include <leasehold/base/error.hpp>

namespace leasehold::control_plane::operations {

task<std::function<std::unique_ptr<database::session>(const std::string&)>>
facilities::opener(registry::server at)
{
    auto resolved = co_await access.provisioner(std::move(at));
    auto where = std::make_shared<database::endpoint>(std::move(resolved));
    co_return [where](const std::string& database) {
        auto inside = where->clone();
        inside.database = database;
        return database::connect(inside);
    };
}

task<nlohmann::json> facilities::all_routers_at(std::int64_t change, std::chrono::milliseconds patience)
{
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto behind = co_await installation.routers_behind(change);
        if (behind.empty()) break;
        if (std::chrono::steady_clock::now() > until) throw must_wait("routers", std::chrono::seconds(1));
        co_await sleep_for(std::chrono::milliseconds(20));
    }
    const auto live = co_await installation.routers();
    nlohmann::json acknowledged = nlohmann::json::array();
    for (const auto& router : live) {
        if (router.role == "router") acknowledged.push_back(router.id.to_string());
    }
    co_return nlohmann::json{{"change", change}, {"routers", acknowledged}};
}

task<facilities::place> facilities::place_of(registry::placement where)
{
    const auto id = co_await installation.id();
    auto server = co_await servers.get(where.server);
    place found{where, std::move(server), servers::marker_of(id, where)};
    co_return found;
}

task<facilities::place> facilities::current_place(tenant_id tenant)
{
    const auto found = co_await tenants.get(tenant);
    if (!found.where) throw error(error_kind::conflict, "tenant_not_placed", "the tenant has no placement");
    co_return co_await place_of(*found.where);
}

}  // namespace leasehold::control_plane::operations
