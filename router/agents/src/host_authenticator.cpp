#include "host_authenticator.hpp"

#include "name_keys.hpp"
#include "refusal_note.hpp"

#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace leasehold::router::agents {
namespace {

// The previous credential may still be on its way in a request that was sent before the promotion.
constexpr auto previous_is_good_for = std::chrono::seconds(60);

[[noreturn]] void refuse_credential()
{
    throw error(error_kind::unauthenticated, "credential_invalid", "this credential is not valid");
}

// What the host's state and its tenant's state allow.
void check_right(const host_principal& who, const http::permission& needed)
{
    const auto& state = who.host().state;
    if (state == "revoked") throw error(error_kind::forbidden, "host_revoked", "this host was revoked");
    const auto& tenant = who.of_tenant();
    if (tenant.state == "suspended" || tenant.state == "deleting" || tenant.state == "deleted") {
        throw error(error_kind::forbidden, "tenant_suspended", "this host's tenant is suspended");
    }
    if (who.is_expired() && needed != may::renew) {
        throw error(
            error_kind::unauthenticated,
            "credential_expired",
            "the credential has ended: renew it with the key"
        );
    }
    if (state == "locked" && needed != may::read_self) {
        throw error(error_kind::forbidden, "host_locked", "this host is locked");
    }
    if (state == "pending" && needed == may::store) {
        throw error(error_kind::forbidden, "approval_pending", "this host waits for approval");
    }
}

}  // namespace

host_facts host_authenticator::find_host(const std::optional<credential>& presented) const
{
    const auto& lookup = ports_.lookup();
    if (!presented || presented->type != credential_type::host) refuse_credential();
    if (!lookup.is_loaded()) {
        throw error(
            error_kind::unavailable, "directory_loading", "this router does not know its tenants yet"
        );
    }
    auto host = lookup.find_host(host_id(presented->id));
    if (host) return std::move(*host);
    if (lookup.is_stale()) {
        throw error(
            error_kind::unavailable, "directory_stale", "this host may be newer than what this router knows"
        );
    }
    // An unknown id costs what a known one costs.
    const host_facts nobody;
    static_cast<void>(match_secret(nobody, presented->secret_part.reveal()));
    refuse_credential();
}

// All three are compared, always: the time tells nothing.
host_authenticator::match
host_authenticator::match_secret(const host_facts& host, std::string_view secret_part) const
{
    const bool is_current = keys_.matches(host.credential_hmac, secret_part);
    const bool is_next = keys_.matches(host.next_hmac, secret_part);
    const bool is_previous = keys_.matches(host.previous_hmac, secret_part);
    if (is_current) return match::current;
    if (is_next) return match::next;
    return is_previous ? match::previous : match::none;
}

std::optional<tenant_id> host_authenticator::find_tenant(std::optional<std::string_view> bearer) const
{
    const auto presented = credential::parse(bearer.value_or(std::string_view()));
    if (!presented || presented->type != credential_type::host) return std::nullopt;
    const auto host = ports_.lookup().find_host(host_id(presented->id));
    if (match_secret(host.value_or(host_facts()), presented->secret_part.reveal()) == match::none) {
        return std::nullopt;
    }
    return host->tenant;
}

task<std::shared_ptr<const http::principal>> host_authenticator::authenticate(const http::context& ctx)
{
    try {
        co_return co_await prove(ctx);
    } catch (const error& why) {
        note_refusal(ports_, ctx, why);
        throw;
    }
}

task<std::shared_ptr<const http::principal>> host_authenticator::prove(const http::context& ctx)
{
    const auto text = ctx.bearer();
    const auto presented = credential::parse(text.value_or(std::string_view()));
    auto host = find_host(presented);
    const auto matched = match_secret(host, presented->secret_part.reveal());
    const auto now = clock_.wall();
    const bool is_past =
        matched == match::previous && (!host.promoted_at || now - *host.promoted_at > previous_is_good_for);
    if (matched == match::none || is_past) refuse_credential();
    auto tenant = ports_.lookup().find_tenant(host.tenant);
    if (!tenant)
        throw error(error_kind::unavailable, "tenant_not_ready", "this host's tenant is not known here yet");

    co_await refuse_other_names(ctx, host.id, host.tenant);
    auto expires_at = host.credential_expires_at.value_or(wall_time{});
    if (matched == match::next) expires_at = host.next_expires_at.value_or(wall_time{});
    if (matched == match::previous) expires_at = *host.promoted_at + previous_is_good_for;
    const bool is_news = matched == match::next || (matched == match::current && !host.confirmed_at);
    const bool is_expired = expires_at <= now;
    if (is_news && !is_expired && host.state != "revoked") {
        auto forms = keys_.accepted_forms(presented->secret_part.reveal());
        co_await promote(host.id, std::move(forms));
    }
    co_return std::make_shared<const host_principal>(
        std::move(host), std::move(*tenant), expires_at, is_expired
    );
}

// First use of a new credential. While the registry is away both keep working, and the next use tries again.
task<void> host_authenticator::promote(host_id host, std::vector<std::string> forms)
{
    try {
        co_await ports_.registry().promote(host, std::move(forms));
    } catch (const error& why) {
        if (why.kind() != error_kind::unavailable && why.kind() != error_kind::timeout) throw;
        log::failure("host.not_promoted", why, {{"host", host.to_string()}});
    }
}

task<void> host_authenticator::refuse_other_names(const http::context& ctx, host_id host, tenant_id tenant)
{
    std::string foreign;  // kinds of the names that lead elsewhere
    for (const auto& name : read_name_keys(ctx, ports_.lookup())) {
        if (name.tenant != tenant) foreign.append(name.kind).append(",");
    }
    if (foreign.empty()) co_return;
    audit_request what;
    what.action = "host.route_conflict";
    what.tenant = tenant;
    what.target = host.to_string();
    what.outcome = "route_key_conflict";
    what.source_ip = ctx.request().peer;
    what.request_id = ctx.request_id();
    what.detail = nlohmann::json{{"keys", foreign + "credential"}}.dump();
    try {
        co_await ports_.registry().audit(std::move(what));
    } catch (const error& why) {  // refused all the same
        log::failure("audit.not_written", why, {{"request_id", ctx.request_id()}});
    }
    throw error(
        error_kind::forbidden,
        "route_key_conflict",
        "the address used and the credential name different tenants"
    );
}

task<std::shared_ptr<const http::authorization>>
host_authorizer::authorize(const http::context& ctx, const http::permission& needed)
{
    try {
        check_right(host_of(ctx), needed);
    } catch (const error& why) {
        note_refusal(ports_, ctx, why);
        throw;
    }
    co_return nullptr;
}

}  // namespace leasehold::router::agents
