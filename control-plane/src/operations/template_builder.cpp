#include "operations/template_builder.hpp"

#include "operations/operation_kind.hpp"
#include "servers/names.hpp"

#include <leasehold/base/log.hpp>
#include <leasehold/migrations/apply.hpp>

#include <fmt/format.h>

namespace leasehold::control_plane::operations {

task<std::string> ensure_template(facilities& with, registry::server at, const migrations::chain& chain)
{
    const auto name = servers::template_name(chain.checksum());
    const auto known = co_await with.servers.find_template(at.id, chain.checksum());
    if (known && known->state == "ready") {
        const auto state =
            co_await with.with_provisioner(at, std::string(), [&](database::session& maintenance) {
                return servers::look_at_template(maintenance, name);
            });
        if (state == servers::database_state::ready) co_return name;
    }
    const bool mine = co_await with.servers.claim_template(at.id, chain.checksum(), name, with.owner);
    if (!mine && !(known && known->state == "ready"))
        throw must_wait("template", std::chrono::milliseconds(200));

    const bool built = co_await with.with_provisioner(at, std::string(), [&](database::session& maintenance) {
        if (servers::look_at_template(maintenance, name) == servers::database_state::ready) return true;
        servers::drop_unfinished_template(maintenance, name);
        servers::create_template_database(maintenance, name);
        return false;
    });
    if (!built) {
        migrations::apply_settings settings;
        settings.applied_by = "template:" + with.owner;
        settings.role = std::string(servers::template_owner_role);
        settings.expected_database = name;
        co_await with.with_provisioner(at, name, [&](database::session& inside) {
            servers::prepare_template(inside);
            migrations::apply_chain(inside, chain, settings);
        });
        co_await with.with_provisioner(at, std::string(), [&](database::session& maintenance) {
            servers::finish_template(maintenance, name);
        });
        log::info("template.built", {{"server", at.name}, {"template", name}});
    }
    co_await with.servers.template_ready(at.id, chain.checksum());
    co_return name;
}

}  // namespace leasehold::control_plane::operations
