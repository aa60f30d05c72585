#include "licensing.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/file.hpp>
#include <leasehold/base/log.hpp>

namespace leasehold::control_plane {

licensing::licensing(
    registry::installation& store, const config& values, bool development, const clock_source& clock
)
    : store_(store)
    , values_(values)
    , development_(development)
    , clock_(clock)
{}

task<void> licensing::refresh()
{
    if (!values_.multitenancy.enabled) co_return;
    const auto installation = co_await store_.id();
    const auto stored = co_await store_.license_document();
    std::vector<std::string> documents;
    if (std::filesystem::exists(values_.license.file))
        documents.push_back(load_file(values_.license.file, 16U << 10U));
    if (stored) documents.push_back(*stored);

    const auto before = state();
    claims_.reset();
    refusal_ = license_refusal{"license_missing", "no license is installed", std::nullopt};
    const auto keys = license_keys::compiled_in(development_);
    for (const auto& document : documents) {
        auto result = verify_license(document, keys, clock_.wall(), installation.to_string());
        if (const auto* good = std::get_if<verified_license>(&result)) {
            if (!claims_ || good->claims().ends_at > claims_->ends_at) claims_ = good->claims();
        } else {
            refusal_ = std::get<license_refusal>(result);
        }
    }
    if (claims_) refusal_.reset();
    if (state() != before) log::info("license.state", {{"state", to_text(state())}});
}

license_state licensing::state() const noexcept
{
    if (claims_) return license_state_of(*claims_, clock_.wall());
    if (refusal_ && refusal_->code == "license_expired") return license_state::restricted;
    return license_state::none;
}

void licensing::allow_new() const
{
    if (!values_.multitenancy.enabled) return;
    const auto now = state();
    if (now != license_state::restricted && now != license_state::none) return;
    const std::string code = refusal_ ? refusal_->code : "license_expired";
    throw error(
        error_kind::unlicensed,
        code,
        "the license does not allow anything new; what exists goes on being served"
    );
}

std::optional<std::int64_t> licensing::max_tenants() const noexcept
{
    if (!claims_) return std::nullopt;
    return claims_->max_tenants;
}

task<void> licensing::install(registry::principal who, std::string document)
{
    const auto installation = co_await store_.id();
    const auto keys = license_keys::compiled_in(development_);
    auto result = verify_license(document, keys, clock_.wall(), installation.to_string());
    if (const auto* refused = std::get_if<license_refusal>(&result)) {
        throw error(error_kind::invalid, refused->code, refused->why);
    }
    const auto claims = to_json(std::get<verified_license>(result).claims());
    co_await store_.store_license(std::move(who), document, claims);
    store_file(values_.license.file, document);
    co_await refresh();
}

nlohmann::json to_json(const license_claims& claims)
{
    nlohmann::json json{
        {"jti", claims.id},
        {"sub", claims.customer},
        {"issued_at", to_rfc3339(claims.issued_at)},
        {"not_before", to_rfc3339(claims.not_before)},
        {"ends_at", to_rfc3339(claims.ends_at)},
        {"tier", to_text(claims.tier)},
        {"features", claims.features},
        {"max_tenants", claims.max_tenants},
        {"max_hosts", claims.max_hosts},
        {"grace_days", claims.grace_days},
    };
    return json;
}

}  // namespace leasehold::control_plane
