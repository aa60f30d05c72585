#pragma once

#include <leasehold/base/ids.hpp>
#include <leasehold/registry/tenants.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace leasehold::control_plane::servers {

// Roles that exist once on every tenant server.
inline constexpr std::string_view provisioner_role = "leasehold_provisioner";
inline constexpr std::string_view broker_role_login = "leasehold_broker";
inline constexpr std::string_view template_owner_role = "leasehold_template_owner";
inline constexpr std::string_view base_database = "leasehold_base";
inline constexpr std::string_view maintenance_database = "postgres";

// The roles of one placement. All derive from P = t_<tid>_<generation>, which is stored and from then on
// read.
struct role_names
{
    std::string owner;
    std::string rw;
    std::string ro;
    std::string rw_login;
    std::string ro_login;
    std::string migrate_login;
    std::string support_login;

    explicit role_names(const std::string& p)
        : owner(p)
        , rw(p + "_rw")
        , ro(p + "_ro")
        , rw_login(p + "_rw_login")
        , ro_login(p + "_ro_login")
        , migrate_login(p + "_migrate_login")
        , support_login(p + "_support_login")
    {}
    [[nodiscard]] std::vector<std::string> logins() const
    {
        return {rw_login, ro_login, migrate_login, support_login};
    }
    // What a suspension closes: everything but the platform's own migrate.
    [[nodiscard]] std::vector<std::string> tenant_logins() const
    {
        return {rw_login, ro_login, support_login};
    }
    [[nodiscard]] std::vector<std::string> all() const
    {
        return {rw_login, ro_login, migrate_login, support_login, rw, ro, owner};
    }
    // The login chain and the data role of a class.
    [[nodiscard]] const std::string& login_of(role_class what) const;
    [[nodiscard]] const std::string& data_role_of(role_class what) const;
};

// The COMMENT that says whose database this is.
std::string marker_of(const installation_id& installation, const registry::placement& where);

// Broker roles of a placement: class first, since policies match prefixes.
std::string broker_role_name(role_class what, const registry::placement& where);

// leasehold_template_<8 hex of the chain checksum>
std::string template_name(std::string_view chain_checksum);

}  // namespace leasehold::control_plane::servers
