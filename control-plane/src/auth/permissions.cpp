#include "auth/permissions.hpp"

#include <algorithm>
#include <array>

namespace leasehold::control_plane {
namespace {

constexpr std::array<std::string_view, 6> role_names{
    "owner", "operator", "auditor", "admin", "write", "read"};

struct row
{
    std::string_view permission;
    // in the order of `role`
    std::array<bool, 6> allowed;
};

constexpr bool y = true;
constexpr bool n = false;

//                                     owner operator auditor admin write read
constexpr std::array matrix{
    row{may::know_itself.name, {y, y, y, y, y, y}},
    row{may::list_tenants.name, {y, y, y, y, y, y}},
    row{may::read_tenant.name, {y, y, y, y, y, y}},
    row{may::create_tenant.name, {y, y, n, n, n, n}},
    row{may::suspend_tenant.name, {y, y, n, n, n, n}},
    row{may::delete_tenant.name, {y, y, n, n, n, n}},
    row{may::verify_tenant.name, {y, y, y, n, n, n}},
    row{may::read_tokens.name, {y, y, n, y, n, n}},
    row{may::write_tokens.name, {y, y, n, y, n, n}},
    row{may::read_keys.name, {y, y, n, y, n, n}},
    row{may::write_keys.name, {y, y, n, y, n, n}},
    row{may::read_platform_keys.name, {y, n, n, n, n, n}},
    row{may::write_platform_keys.name, {y, n, n, n, n, n}},
    row{may::read_hosts.name, {n, n, n, y, y, y}},
    row{may::decide_hosts.name, {y, y, n, y, n, n}},
    row{may::read_servers.name, {y, y, y, n, n, n}},
    row{may::read_operations.name, {y, y, y, y, y, y}},
    row{may::act_on_operations.name, {y, y, n, n, n, n}},
    row{may::read_license.name, {y, y, y, n, n, n}},
    row{may::install_license.name, {y, n, n, n, n, n}},
    row{may::read_status.name, {y, y, y, y, y, y}},
};

}  // namespace

std::optional<role> parse_role(std::string_view text) noexcept
{
    for (std::size_t i = 0; i < role_names.size(); ++i) {
        if (role_names[i] == text) return static_cast<role>(i);
    }
    return std::nullopt;
}

std::string_view to_text(role value) noexcept
{
    return role_names[static_cast<std::size_t>(value)];
}

bool is_platform(role value) noexcept
{
    return value <= role::auditor;
}

bool is_allowed(role who, const http::permission& what) noexcept
{
    const auto* found = std::find_if(matrix.begin(), matrix.end(), [&](const row& one) {
        return one.permission == what.name;
    });
    return found != matrix.end() && found->allowed[static_cast<std::size_t>(who)];
}

bool is_tenant_data(const http::permission& what) noexcept
{
    return what == may::read_hosts;
}

bool may_give(role who, role given) noexcept
{
    // Roles stand from the strongest down, platform before tenant.
    return static_cast<int>(who) <= static_cast<int>(given);
}

}  // namespace leasehold::control_plane
