#include "enroll_api.hpp"

#include "name_keys.hpp"
#include "refusal_note.hpp"
#include "signature.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/base/log.hpp>
#include <leasehold/http/fields.hpp>
#include <leasehold/http/problem.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace leasehold::router::agents {
namespace {

using http::at_most;
using http::between;
using http::fields;
using http::or_default;
using http::unknown_members;

constexpr std::size_t body_limit = std::size_t{16} << 10U;
constexpr auto credential_life = std::chrono::hours(24);
constexpr auto known_within = std::chrono::seconds(2);

const fields<enroll_request> enroll_request_fields{
    unknown_members::ignored,
    {
        {"name", &enroll_request::name, between(1, 255)},
        {"fqdn", &enroll_request::fqdn, at_most(255), or_default()},
        {"cluster_name", &enroll_request::cluster_name, at_most(255), or_default()},
        {"platform", &enroll_request::platform, at_most(100), or_default()},
        {"os_name", &enroll_request::os_name, at_most(100), or_default()},
        {"os_version", &enroll_request::os_version, at_most(100), or_default()},
        {"agent_version", &enroll_request::agent_version, at_most(100), or_default()},
        {"public_key", &enroll_request::public_key, between(44, 44)},
        {"machine_hint", &enroll_request::machine_hint, at_most(128), or_default()},
        {"instance", &enroll_request::instance, at_most(64), or_default()},
        {"labels", &enroll_request::labels, at_most(64), or_default()},
    }};

const fields<enroll_tenant> enroll_tenant_fields{
    {"tid", &enroll_tenant::tid},
    {"name", &enroll_tenant::name},
};

const fields<enroll_answer> enroll_answer_fields{
    {"host_id", &enroll_answer::host},
    {"tenant", &enroll_answer::tenant},
    {"credential", &enroll_answer::credential},
    {"generation", &enroll_answer::generation},
    {"expires_at", &enroll_answer::expires_at},
    {"state", &enroll_answer::state},
    {"next_s", &enroll_answer::next_s},
    {"wait_s", &enroll_answer::wait_s},
    {"want", &enroll_answer::want},
};

struct refusal
{
    std::string_view outcome;
    error_kind kind;
    std::string_view detail;
};

// What the registry answers to a redemption, as the agent is told it.
constexpr std::array refusals{
    refusal{"token_invalid", error_kind::unauthenticated, "this enrollment token is not valid"},
    refusal{"token_expired", error_kind::unauthenticated, "this enrollment token has expired"},
    refusal{
        "token_used_up",
        error_kind::unauthenticated,
        "this enrollment token has been used as often as it may be"},
    refusal{"token_revoked", error_kind::unauthenticated, "this enrollment token was revoked"},
    refusal{"token_network", error_kind::unauthenticated, "this enrollment token is not for this network"},
    refusal{
        "route_key_conflict", error_kind::forbidden, "the address used and the token name different tenants"},
    refusal{"tenant_suspended", error_kind::forbidden, "the token's tenant is suspended"},
    refusal{"tenant_not_ready", error_kind::unavailable, "the token's tenant is not ready yet"},
    refusal{"already_enrolled", error_kind::conflict, "this key is enrolled: its host is known and in use"},
    refusal{"host_limit", error_kind::conflict, "the tenant may have no more hosts"},
    refusal{"license_host_limit", error_kind::unlicensed, "the license allows no more hosts"},
    refusal{"host_locked", error_kind::forbidden, "this host is locked"},
    refusal{"host_revoked", error_kind::forbidden, "this host was revoked"},
};

[[noreturn]] void refuse(const std::string& outcome)
{
    for (const auto& one : refusals) {
        if (one.outcome == outcome) throw error(one.kind, outcome, std::string(one.detail));
    }
    if (outcome.starts_with("license_")) {
        throw error(error_kind::unlicensed, outcome, "the license does not allow another host");
    }
    throw error(
        error_kind::internal, "registry_answer_unknown", "the enrollment could not be handled", outcome
    );
}

std::string parse_public_key(const enroll_request& in)
{
    auto key = crypto::from_base64(in.public_key);
    if (!key || key->size() != 32) {
        throw http::fields_error(
            "/public_key", "field_invalid", "must be the base64 of an Ed25519 public key"
        );
    }
    return std::move(*key);
}

// The token's tags are the operator's word: the agent cannot change them.
std::string merge_labels(const std::map<std::string, std::string>& of_agent, const std::string& tags)
{
    auto merged = nlohmann::json(of_agent);
    const auto fixed = nlohmann::json::parse(tags, nullptr, false);
    if (fixed.is_object()) merged.update(fixed);
    return merged.dump();
}

host_row to_row(enroll_request in, const redeemed& by)
{
    host_row row;
    row.labels = merge_labels(in.labels, by.tags);
    row.name = std::move(in.name);
    row.fqdn = std::move(in.fqdn);
    row.cluster_name = std::move(in.cluster_name);
    row.platform = std::move(in.platform);
    row.os_name = std::move(in.os_name);
    row.os_version = std::move(in.os_version);
    row.agent_version = std::move(in.agent_version);
    row.approval = by.approval == "auto" ? "approved" : "pending";
    return row;
}

}  // namespace

void enroll_api::mount(http::routes& on)
{
    on.post("/agent/v1/enroll", http::open_to_all, this, &enroll_api::enroll)
        .body_limit(body_limit)
        .gzip(body_limit)
        .summary("A host joins its token's tenant");
}

redeem_request enroll_api::to_redeem(
    const http::context& ctx, const enroll_request& in, const credential& token, std::string public_key
) const
{
    const auto& lookup = ports_.lookup();
    redeem_request what;
    what.token = token_id(token.id);
    what.secret_hmacs = keys_.accepted_forms(token.secret_part.reveal());
    what.public_key = std::move(public_key);
    what.name = in.name;
    what.machine_hint = in.machine_hint;
    what.source_ip = ctx.request().peer;
    what.request_id = ctx.request_id();
    for (const auto& name : read_name_keys(ctx, lookup)) {
        if (!what.named_tenants) what.named_tenants.emplace();
        what.named_tenants->push_back(name.tenant);
    }
    what.max_hosts = values_.limits.tenant.max_hosts;
    what.license_max_hosts = lookup.licensed_hosts();
    const auto license = lookup.license();
    if (license == license_state::restricted) what.license_refusal = "license_expired";
    if (license == license_state::none && what.license_max_hosts) what.license_refusal = "license_missing";
    return what;
}

task<http::reply> enroll_api::enroll(const http::context& ctx, enroll_request in)
{
    auto token = credential::parse(ctx.bearer().value_or(std::string_view()));
    if (token && token->type != credential_type::enrollment) token.reset();
    const auto id = token ? token->id : uuid();
    guard_.admit(ctx.request().peer, id);
    outcome<http::reply> result;
    auto work = redeem(ctx, token, std::move(in));
    co_await detail::run_into(std::move(work), result);
    try {
        co_return result.take();
    } catch (const error& why) {
        note_refusal(ports_, ctx, why);
        if (why.kind() == error_kind::unauthenticated) guard_.note_failure(ctx.request().peer, id);
        throw;
    }
}

task<http::reply>
enroll_api::redeem(const http::context& ctx, const std::optional<credential>& token, enroll_request in)
{
    if (!token) refuse("token_invalid");
    auto public_key = parse_public_key(in);
    verify_enrollment(public_key, *ctx.bearer(), ctx.request().body, ctx.header("Leasehold-Signature"));

    auto what = to_redeem(ctx, in, *token, std::move(public_key));
    const auto by = co_await ports_.registry().redeem(std::move(what));
    if (by.outcome != "ok") refuse(by.outcome);

    auto row = to_row(std::move(in), by);
    co_await store_.put_host(by.tenant, by.host, std::move(row));

    enroll_answer out;
    const auto issued = credential::make(credential_type::host, by.host.value());
    const auto hmac = keys_.stored_form(issued.secret_part.reveal());
    out.expires_at = clock_.wall() + credential_life;
    const auto done = co_await ports_.registry().enrolled(
        by.host, hmac, out.expires_at, ctx.request().peer, ctx.request_id()
    );
    if (done.outcome != "ok") refuse(done.outcome);
    co_await wait_known(by.host, hmac);

    out.host = by.host;
    out.tenant.tid = by.tid;
    out.tenant.name = by.tenant_name;
    out.credential = issued.to_text();
    out.generation = done.generation;
    out.state = done.state;
    out.next_s = std::chrono::duration_cast<std::chrono::seconds>(values_.agents.heartbeat.interval).count();
    log::info(
        "host.enrolled",
        {{"tenant", by.tid},
         {"host", by.host.to_string()},
         {"state", done.state},
         {"replayed", by.is_replay},
         {"request_id", ctx.request_id()}}
    );
    co_return http::json_reply(done.state == "pending" ? 202 : 201, http::to_json_text(out));
}

task<void> enroll_api::wait_known(host_id host, std::string hmac)
{
    const auto until = std::chrono::steady_clock::now() + known_within;
    for (;;) {
        const auto known = ports_.lookup().find_host(host);
        if (known && known->credential_hmac == hmac) co_return;
        if (std::chrono::steady_clock::now() >= until) co_return;  // the agent repeats a refused first call
        co_await sleep_for(std::chrono::milliseconds(10));
    }
}

task<void> enroll_api::finish(host_facts host)
{
    co_await store_.restore_host(host, true);
    // Nobody learns this credential: the agent's replay gets one of its own.
    const auto issued = credential::make(credential_type::host, host.id.value());
    auto hmac = keys_.stored_form(issued.secret_part.reveal());
    const auto expires_at = clock_.wall() + credential_life;
    const auto done = co_await ports_.registry().enrolled(
        host.id, std::move(hmac), expires_at, std::string(), std::string()
    );
    if (done.outcome == "ok" && done.state == "active") co_await store_.restore_host(host, false);
    log::info("host.enrollment_finished", {{"host", host.id.to_string()}, {"outcome", done.outcome}});
}

}  // namespace leasehold::router::agents
