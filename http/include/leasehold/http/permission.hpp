#pragma once

#include <cstdint>
#include <string_view>

namespace leasehold::http {

// What a route is about, which decides what must be known of its caller.
enum class scope : std::uint8_t
{
    open,       // anybody, no credential is looked at: probes, enrollment, sign-in
    principal,  // any verified caller, about themselves
    platform,   // the installation: platform roles
    tenant,     // one tenant: the path names it in {tenant_id}
};
std::string_view to_text(scope value) noexcept;

// What a caller must be allowed to do. The application keeps its permissions as constants
//   namespace may { inline constexpr http::permission create_tenant{"tenants.create", http::scope::platform};
//   }
// and decides in its `authorizer`. `name` is stable: it stands in the OpenAPI document.
struct permission
{
    constexpr permission(std::string_view text, scope about) : name(text), needs(about) {}

    std::string_view name;
    scope needs;
    friend bool operator==(const permission&, const permission&) = default;
};

inline constexpr permission open_to_all{"open", scope::open};

}  // namespace leasehold::http
