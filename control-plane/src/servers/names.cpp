#include "servers/names.hpp"

#include <fmt/format.h>

namespace leasehold::control_plane::servers {

const std::string& role_names::login_of(role_class what) const
{
    switch (what) {
    case role_class::ro:
        return ro_login;
    case role_class::migrate:
        return migrate_login;
    case role_class::support:
        return support_login;
    case role_class::rw:
    case role_class::ddl:
        break;
    }
    return rw_login;
}

const std::string& role_names::data_role_of(role_class what) const
{
    switch (what) {
    case role_class::ro:
    case role_class::support:
        return ro;
    case role_class::migrate:
    case role_class::ddl:
        return owner;
    case role_class::rw:
        break;
    }
    return rw;
}

std::string marker_of(const installation_id& installation, const registry::placement& where)
{
    return fmt::format(
        "leasehold/1 {} {} {} {}",
        installation.to_string(),
        where.tenant.to_string(),
        tid::of(where.tenant).text(),
        where.generation
    );
}

std::string broker_role_name(role_class what, const registry::placement& where)
{
    return fmt::format("{}_{}_{}", to_text(what), tid::of(where.tenant).text(), where.generation);
}

std::string template_name(std::string_view chain_checksum)
{
    return fmt::format("leasehold_template_{}", chain_checksum.substr(0, 8));
}

}  // namespace leasehold::control_plane::servers
