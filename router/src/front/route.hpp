#pragma once

#include "front/user_name.hpp"

#include <leasehold/router/directory.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leasehold::router {

enum class key_kind : std::uint8_t
{
    domain,
    option,
    user_suffix,
    database
};
std::string_view to_text(key_kind value) noexcept;

// One name that a connection presented, and whose it is. `tenant` null: nobody's.
struct route_key
{
    key_kind kind = key_kind::domain;
    std::string presented;
    const tenant_record* tenant = nullptr;
};

// What a client presented that may name a tenant. Empty: it did not.
struct presented_names
{
    std::string_view sni;
    std::string_view option;  // of -c leasehold.tenant=…
    std::string_view user;
    std::string_view database;
};

// All route keys of a connection but the credential, in the order of precedence. The first one is what limits
// before authentication and the log go by; none wins over another.
struct route
{
    user_name user;
    std::vector<route_key> keys;

    // Of the first key; null: nobody's, or no key at all.
    [[nodiscard]] const tenant_record* candidate() const noexcept
    {
        return keys.empty() ? nullptr : keys.front().tenant;
    }
};

// `advertised`: the router's own name, which is no key. Views of `names` need not outlive the call, but those
// of user_name.
route find_route(const directory& in, const presented_names& names, std::string_view advertised);

// Whether every key names the credential's tenant. A name of another tenant and a name of nobody give the
// same answer.
enum class agreement : std::uint8_t
{
    agrees,
    conflict,          // route_key_conflict
    database_unknown,  // only the database name is wrong
};
agreement agrees_with(const route& found, const tenant_id& credential_tenant) noexcept;

// Slug or t_<tid>, byte for byte.
const tenant_record* find_tenant_key(const directory& in, std::string_view text) noexcept;

}  // namespace leasehold::router
