#include "license_claims.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/license.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace leasehold {
namespace {

using nlohmann::json;

struct signed_document
{
    std::string signed_part;  // header.payload, as it was signed
    json header;
    std::string payload;
    std::string signature;
};

std::optional<signed_document> take_apart(std::string_view document)
{
    if (document.size() > largest_license) return std::nullopt;
    const auto end = document.find_last_not_of(" \t\r\n");
    document = document.substr(0, end == std::string_view::npos ? 0 : end + 1);
    const auto first = document.find('.');
    const auto second = first == std::string_view::npos ? first : document.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const auto header = crypto::from_base64url(document.substr(0, first));
    auto payload = crypto::from_base64url(document.substr(first + 1, second - first - 1));
    auto signature = crypto::from_base64url(document.substr(second + 1));
    if (!header || !payload || !signature) return std::nullopt;
    auto parsed = parse_json_object(*header);
    if (!parsed) return std::nullopt;
    return signed_document{
        std::string(document.substr(0, second)),
        std::move(*parsed),
        std::move(*payload),
        std::move(*signature)};
}

// Exactly {"alg":"EdDSA","typ":"leasehold-license","kid":…}: nothing in an unsigned header may steer the
// reader.
bool is_header_good(const json& header)
{
    return header.size() == 3 && header.value("alg", json()) == "EdDSA" &&
           header.value("typ", json()) == license_type && header.contains("kid") && header["kid"].is_string();
}

std::string named(const license_claims& claims)
{
    return fmt::format("license {}, tier {}", claims.id, to_text(claims.tier));
}

// What a correctly signed license is refused for.
std::optional<license_refusal> find_refusal(
    const license_claims& claims, const license_keys& keys, wall_time at, std::string_view installation
)
{
    const auto refuse = [&](const char* code, std::string why) {
        return license_refusal{code, std::move(why), claims};
    };
    if (keys.withdrawn.contains(claims.id))
        return refuse("license_withdrawn", "was withdrawn, " + named(claims));
    if (claims.tier != license_tier::multitenant_saas)
        return refuse("license_tier", "is not for multi-tenancy (needs MULTITENANT_SAAS), " + named(claims));
    if (claims.installation && *claims.installation != installation)
        return refuse("license_installation", "is for another installation, " + named(claims));
    if (claims.updates_until && *claims.updates_until < keys.built_at)
        return refuse(
            "license_build",
            fmt::format(
                "covers builds until {}, this one is of {}, {}",
                to_day(*claims.updates_until),
                to_day(keys.built_at),
                named(claims)
            )
        );
    if (at < claims.not_before)
        return refuse(
            "license_not_yet_valid", fmt::format("begins {}, {}", to_day(claims.not_before), named(claims))
        );
    if (at >= grace_end_of(claims)) {
        const auto last_day = claims.ends_at + std::chrono::days(claims.grace_days);
        return refuse(
            "license_expired",
            fmt::format(
                "ended {} (grace until {}), {}", to_day(claims.ends_at), to_day(last_day), named(claims)
            )
        );
    }
    return std::nullopt;
}

}  // namespace

license_result verify_license(
    std::string_view document, const license_keys& keys, wall_time at, std::string_view installation
)
{
    const auto parts = take_apart(document);
    if (!parts || !is_header_good(parts->header))
        return license_refusal{"license_malformed", "is not a license document", std::nullopt};
    const auto kid = parts->header["kid"].get<std::string>();
    const auto key =
        std::find_if(keys.keys.begin(), keys.keys.end(), [&](const auto& one) { return one.id == kid; });
    if (key == keys.keys.end()) {
        // kid is not signed yet: shown only as far as it is a name.
        const bool is_name = kid.size() <= 64 && std::all_of(kid.begin(), kid.end(), [](char c) {
                                 return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                        (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                             });
        auto why = is_name && !kid.empty()
                       ? fmt::format("is signed with key {}, which this program does not accept", kid)
                       : std::string("is signed with a key that this program does not accept");
        return license_refusal{"license_key_unknown", std::move(why), std::nullopt};
    }
    if (!crypto::ed25519_verify(key->public_key, parts->signed_part, parts->signature))
        return license_refusal{"license_signature", "has a signature that does not verify", std::nullopt};
    const auto payload = parse_json_object(parts->payload);
    if (!payload) return license_refusal{"license_malformed", "holds no claims", std::nullopt};
    auto read = read_license_claims(*payload);
    if (const auto* wrong = std::get_if<std::string>(&read))
        return license_refusal{"license_malformed", "is wrong: " + *wrong, std::nullopt};
    auto& claims = std::get<license_claims>(read);
    if (auto refused = find_refusal(claims, keys, at, installation)) return std::move(*refused);
    return verified_license(std::move(claims), key->development);
}

license_state license_state_of(const license_claims& claims, wall_time at) noexcept
{
    constexpr auto last_days = std::chrono::days(30);
    if (at < claims.not_before) return license_state::none;
    if (at >= grace_end_of(claims)) return license_state::restricted;
    if (at > claims.ends_at) return license_state::grace;
    return claims.ends_at - at <= last_days ? license_state::expiring : license_state::ok;
}

std::string_view to_text(license_state state) noexcept
{
    constexpr std::array<std::string_view, 5> names{"ok", "expiring", "grace", "restricted", "none"};
    return names[static_cast<std::size_t>(state)];
}

std::string_view to_text(license_tier tier) noexcept
{
    constexpr std::array<std::string_view, 3> names{"PROFESSIONAL", "ENTERPRISE", "MULTITENANT_SAAS"};
    return names[static_cast<std::size_t>(tier)];
}

std::string issue_license(std::string_view claims_json, std::string_view pem, std::string_view kid)
{
    constexpr std::array<std::string_view, 14> known{
        "iss",
        "aud",
        "jti",
        "sub",
        "iat",
        "nbf",
        "exp",
        "tier",
        "features",
        "max_tenants",
        "max_hosts",
        "grace_days",
        "updates_until",
        "installation"};
    const auto refuse = [](std::string text) {
        return error(error_kind::invalid, "license_claims_invalid", std::move(text));
    };
    const auto claims = parse_json_object(claims_json);
    if (!claims) throw refuse("the claims are not one JSON object without repeated keys");
    for (const auto& [name, value] : claims->items())
        if (std::find(known.begin(), known.end(), name) == known.end()) throw refuse("unknown claim " + name);
    const auto read = read_license_claims(*claims);
    if (const auto* wrong = std::get_if<std::string>(&read)) throw refuse(*wrong);

    const json header{{"alg", "EdDSA"}, {"typ", license_type}, {"kid", kid}};
    const auto pair = crypto::ed25519_from_pem(pem);
    const auto signed_part = crypto::to_base64url(header.dump()) + "." + crypto::to_base64url(claims->dump());
    auto document =
        signed_part + "." + crypto::to_base64url(crypto::ed25519_sign(pair.seed.reveal(), signed_part));
    if (document.size() > largest_license) throw refuse("the license would exceed 16 KiB");
    return document;
}

std::string to_refusal_text(
    const license_refusal& refusal, std::string_view license_path, std::optional<std::int64_t> tenants
)
{
    std::string untouched = "tenant databases are untouched";
    if (tenants)
        untouched =
            *tenants == 1 ? "1 tenant database is untouched" : fmt::format("{} {}", *tenants, untouched);
    return fmt::format(
        "error: refusing to start in multi-tenant mode: no valid license\n"
        "  why:   {} {}\n"
        "  state: {}; nothing was migrated or routed\n"
        "  fix:   leasehold license install FILE\n"
        "  or:    set multitenancy.enabled: false to run single-tenant on the registry database\n"
        "  help:  docs/errors.md#{}   code: {}",
        license_path,
        refusal.why,
        untouched,
        refusal.code,
        refusal.code
    );
}

}  // namespace leasehold
