#include "operations/facilities.hpp"

#include "operations/operation_kind.hpp"
#include "servers/probes.hpp"

#include <leasehold/base/error.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::operations {
namespace {

// Null: the server refuses the password. Error: unavailable server_unavailable.
std::unique_ptr<database::session>
connect_unless_refused(const registry::server& at, const database::endpoint& where)
{
    try {
        return database::connect(where);
    } catch (const error& failed) {
        const auto* answered = dynamic_cast<const database::sql_error*>(&failed);
        if (answered != nullptr && answered->sqlstate() == "28P01") return nullptr;
        if (failed.code() != "database_unavailable") throw;
        throw error(
            error_kind::unavailable,
            "server_unavailable",
            fmt::format("server {} cannot be reached", at.name),
            failed.what()
        );
    }
}

}  // namespace

task<std::unique_ptr<database::session>>
facilities::open_provisioner(registry::server at, std::string database)
{
    const auto current = co_await access.provisioner(at, database);
    auto own = co_await workers.run([&] { return connect_unless_refused(at, current); });
    if (own) co_return own;
    const auto next = co_await access.provisioner_with_next(at, database);
    auto with_next = co_await workers.run([&] { return connect_unless_refused(at, next); });
    if (with_next) co_return with_next;
    throw error(
        error_kind::unavailable,
        "provisioner_refused",
        "the server refuses the provisioner's passwords, current and next"
    );
}

task<std::unique_ptr<database::session>> facilities::take_maintenance(registry::server at)
{
    for (auto found = kept_.find(at.id); found != kept_.end(); found = kept_.find(at.id)) {
        auto own = std::move(found->second);
        kept_.erase(found);
        const bool ended = co_await workers.run([&] { return servers::is_ended(*own); });
        if (!ended) co_return own;
    }
    co_return co_await open_provisioner(std::move(at), std::string());
}

void facilities::keep_maintenance(server_id at, std::unique_ptr<database::session> own)
{
    constexpr std::size_t most = 2;  // per server: what waits is taken off what a server can lend
    if (kept_.count(at) < most) kept_.emplace(at, std::move(own));
}

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
    if (!installation_known) {
        const auto id = co_await installation.id();
        installation_known = id;
    }
    auto server = co_await servers.get(where.server);
    place found{where, std::move(server), servers::marker_of(*installation_known, where)};
    co_return found;
}

task<facilities::place> facilities::current_place(tenant_id tenant)
{
    const auto found = co_await tenants.get(tenant);
    if (!found.where) throw error(error_kind::conflict, "tenant_not_placed", "the tenant has no placement");
    co_return co_await place_of(*found.where);
}

}  // namespace leasehold::control_plane::operations
