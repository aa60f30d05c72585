#include "operations/template_builder.hpp"

#include "operations/operation_kind.hpp"
#include "servers/names.hpp"
#include "servers/template_database.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/migrations/apply.hpp>

namespace leasehold::control_plane::operations {
namespace {

void build(
    database::session& maintenance,
    const servers::open_inside& open,
    const std::string& name,
    const migrations::chain& chain,
    const std::string& owner
)
{
    servers::drop_unfinished_template(maintenance, name);
    servers::create_template_database(maintenance, name);
    migrations::apply_settings settings;
    settings.applied_by = "template:" + owner;
    settings.role = std::string(servers::template_owner_role);
    settings.expected_database = name;
    {
        const auto inside = open(name);
        servers::prepare_template(*inside);
        migrations::apply_chain(*inside, chain, settings);
    }
    servers::finish_template(maintenance, name);
}

}  // namespace

task<std::string> ensure_template(facilities& with, registry::server at, const migrations::chain& chain)
{
    const auto name = servers::template_name(chain.checksum());
    const auto is_ready = [&](database::session& maintenance) {
        return servers::look_at_template(maintenance, name) == servers::database_state::ready;
    };
    const bool is_there = co_await with.with_maintenance(at, is_ready);
    if (!is_there) {
        const auto open = co_await with.opener(at);
        // Its own, which ends with the building: it holds the claim.
        const auto maintenance = co_await with.open_provisioner(at, std::string());
        const bool is_built = co_await with.workers.run([&] {
            if (!servers::claim_template(*maintenance, name)) return false;
            if (is_ready(*maintenance)) return true;
            build(*maintenance, open, name, chain, with.owner);
            log::info("template.built", {{"server", at.name}, {"template", name}});
            return true;
        });
        if (!is_built) throw must_wait("template", std::chrono::milliseconds(200));
    }
    co_await with.servers.template_ready(at.id, chain.checksum(), name);
    co_return name;
}

}  // namespace leasehold::control_plane::operations
