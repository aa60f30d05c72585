#pragma once

#include <leasehold/http/permission.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace leasehold::control_plane {

// What a caller may be allowed to do. The matrix below (permissions.cpp) says which role may; not listed is
// denied.
namespace may {
using http::permission;
using http::scope;
inline constexpr permission know_itself{"self.read", scope::principal};
inline constexpr permission list_tenants{"tenants.list", scope::principal};
inline constexpr permission read_tenant{"tenants.read", scope::tenant};
inline constexpr permission create_tenant{"tenants.create", scope::platform};
inline constexpr permission suspend_tenant{"tenants.suspend", scope::tenant};
inline constexpr permission delete_tenant{"tenants.delete", scope::tenant};
inline constexpr permission verify_tenant{"tenants.verify", scope::tenant};
inline constexpr permission read_tokens{"tokens.read", scope::tenant};
inline constexpr permission write_tokens{"tokens.write", scope::tenant};
inline constexpr permission read_keys{"keys.read", scope::tenant};
inline constexpr permission write_keys{"keys.write", scope::tenant};
inline constexpr permission read_platform_keys{"platform_keys.read", scope::platform};
inline constexpr permission write_platform_keys{"platform_keys.write", scope::platform};
inline constexpr permission read_hosts{"hosts.read", scope::tenant};
inline constexpr permission decide_hosts{"hosts.decide", scope::tenant};
inline constexpr permission read_servers{"servers.read", scope::platform};
inline constexpr permission read_operations{"operations.read", scope::principal};
inline constexpr permission act_on_operations{"operations.act", scope::platform};
inline constexpr permission read_license{"license.read", scope::platform};
inline constexpr permission install_license{"license.install", scope::platform};
inline constexpr permission read_status{"status.read", scope::principal};
}  // namespace may

// Roles of a key: of the platform, or of one tenant.
enum class role : std::uint8_t
{
    owner,
    operator_,
    auditor,
    admin,
    write,
    read
};
std::optional<role> parse_role(std::string_view text) noexcept;
std::string_view to_text(role value) noexcept;
bool is_platform(role value) noexcept;

// Does this role hold it (for a tenant's role: within its own tenant)?
bool is_allowed(role who, const http::permission& what) noexcept;
// True when the permission gives tenant data, which a platform role alone never reads.
bool is_tenant_data(const http::permission& what) noexcept;
// Nobody makes a key above their own role.
bool may_give(role who, role given) noexcept;

}  // namespace leasehold::control_plane
