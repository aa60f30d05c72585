#include "license_watch.hpp"

#include <leasehold/base/log.hpp>

namespace leasehold::router {

license_watch::license_watch(
    const tenancy& how,
    license_keys signers,
    const clock_source& clock,
    std::string installation,
    feed_facts& facts
)
    : signers_(std::move(signers))
    , clock_(clock)
    , installation_(std::move(installation))
    , facts_(facts)
{
    if (const auto* many = std::get_if<multi_tenant>(&how)) claims_ = many->license.claims();
    publish();
}

void license_watch::look(std::string_view row, std::string_view file)
{
    if (!claims_) return;
    is_refused_ = signers_.withdrawn.contains(claims_->id);
    take(row);
    take(file);
    publish();
}

void license_watch::take(std::string_view document)
{
    if (document.empty()) return;
    const auto result = verify_license(document, signers_, clock_.wall(), installation_);
    const auto* verified = std::get_if<verified_license>(&result);
    if (verified == nullptr || verified->claims().tier != license_tier::multitenant_saas) return;
    if (!is_refused_ && verified->claims().ends_at <= claims_->ends_at) return;
    claims_ = verified->claims();
    is_refused_ = false;
}

void license_watch::publish()
{
    if (!claims_) return;  // ok and not counted, as made
    auto now = license_state_of(*claims_, clock_.wall());
    if (is_refused_) now = license_state::restricted;
    const auto before = facts_.license.exchange(now);
    facts_.licensed_hosts.store(claims_->max_hosts);
    if (now == before) return;
    const auto level = now == license_state::ok ? log_level::info : log_level::warn;
    log::write(
        level,
        "license.state",
        {{"license", claims_->id}, {"state", to_text(now)}, {"before", to_text(before)}}
    );
}

}  // namespace leasehold::router
