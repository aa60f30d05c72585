#pragma once

#include <leasehold/base/clock.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace leasehold {

enum class license_tier : std::uint8_t
{
    professional,
    enterprise,
    multitenant_saas
};

struct license_claims
{
    std::string id;        // jti
    std::string customer;  // sub
    wall_time issued_at;   // iat
    wall_time not_before;  // nbf
    wall_time ends_at;     // 23:59:59 UTC of the day that holds exp
    license_tier tier = license_tier::professional;
    std::set<std::string> features;
    std::int64_t max_tenants = 0;
    std::int64_t max_hosts = 0;
    int grace_days = 30;
    std::optional<wall_time> updates_until;
    std::optional<std::string> installation;
};

struct license_key
{
    std::string id;          // kid
    std::string public_key;  // raw Ed25519, 32 bytes
    bool development = false;
};

// What signs licenses that this build accepts. No setting adds a key; the development key is in only with
// --dev.
struct license_keys
{
    std::vector<license_key> keys;
    std::set<std::string> withdrawn;  // jti
    wall_time built_at;
    static license_keys compiled_in(bool development);
};

// Codes: license_missing, _malformed, _signature, _key_unknown, _withdrawn, _not_yet_valid, _expired, _tier,
// _installation, _build.
struct license_refusal
{
    std::string code;
    std::string why;                       // one line for people
    std::optional<license_claims> claims;  // signed claims, where the signature held
};

// A license whose signature, times and tier were checked. Only verify_license() makes one, so whoever holds
// it may rely on it; whether it is still good at a later instant is license_state_of().
class verified_license
{
public:
    [[nodiscard]] const license_claims& claims() const noexcept { return claims_; }
    [[nodiscard]] bool is_development() const noexcept { return development_; }

private:
    explicit verified_license(license_claims claims, bool development)
        : claims_(std::move(claims))
        , development_(development)
    {}
    friend std::variant<verified_license, license_refusal>
    verify_license(std::string_view, const license_keys&, wall_time, std::string_view);
    license_claims claims_;
    bool development_;
};

using license_result = std::variant<verified_license, license_refusal>;

// `document`: one JWS in compact form (header {"alg":"EdDSA","typ":"leasehold-license","kid":…}), at most 16
// KiB, trailing white space allowed and nothing else. `installation` is compared where the license names one.
// Not expired includes grace here: license_expired means that grace is over as well.
license_result verify_license(
    std::string_view document, const license_keys& keys, wall_time at, std::string_view installation
);

enum class license_state : std::uint8_t
{
    ok,
    expiring,
    grace,
    restricted,
    none
};
std::string_view to_text(license_state state) noexcept;
license_state license_state_of(const license_claims& claims, wall_time at) noexcept;
std::string_view to_text(license_tier tier) noexcept;

// Signs claims (JSON text, as section "License" of docs/architecture.md lists them) with an Ed25519 key in
// PKCS#8 PEM: `license issue`.
std::string issue_license(std::string_view claims_json, std::string_view pem, std::string_view kid);

// Multi-tenancy as a type: nothing that could route to a second tenant can be made without a verified
// license.
struct single_tenant
{};
struct multi_tenant
{
    verified_license license;
};
using tenancy = std::variant<single_tenant, multi_tenant>;

// The refusal as people see it on stderr, without a trailing newline.
std::string to_refusal_text(
    const license_refusal& refusal, std::string_view license_path, std::optional<std::int64_t> tenants
);

}  // namespace leasehold
