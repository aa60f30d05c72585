#include "identity_api.hpp"

#include "signature.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/error.hpp>
#include <leasehold/http/fields.hpp>
#include <leasehold/http/problem.hpp>

#include <array>
#include <utility>

namespace leasehold::router::agents {
namespace {

using http::at_least;
using http::fields;
using http::unknown_members;

constexpr std::size_t body_limit = std::size_t{16} << 10U;
constexpr auto credential_life = std::chrono::hours(24);
constexpr auto known_within = std::chrono::seconds(2);

const fields<renewal> renewal_fields{
    unknown_members::ignored,
    {
        {"generation", &renewal::generation, at_least(0)},
        {"public_key", &renewal::public_key},
    }};
const fields<renewed> renewed_fields{
    {"credential", &renewed::credential},
    {"generation", &renewed::generation},
    {"expires_at", &renewed::expires_at},
};
const fields<self_tenant> self_tenant_fields{
    {"tid", &self_tenant::tid},
};
const fields<self> self_fields{
    {"host_id", &self::host},
    {"tenant", &self::tenant},
    {"state", &self::state},
    {"generation", &self::generation},
    {"expires_at", &self::expires_at},
};

struct refusal
{
    std::string_view outcome;
    error_kind kind;
    std::string_view code;
    std::string_view detail;
};

constexpr std::array refusals{
    refusal{
        "host_not_found", error_kind::unauthenticated, "credential_invalid", "this credential is not valid"},
    refusal{
        "host_enrolling", error_kind::unauthenticated, "credential_invalid", "this credential is not valid"},
    refusal{
        "credential_expired",
        error_kind::unauthenticated,
        "credential_expired",
        "the credential ended too long ago"},
    refusal{"host_locked", error_kind::forbidden, "host_locked", "this host is locked"},
    refusal{"host_revoked", error_kind::forbidden, "host_revoked", "this host was revoked"},
    refusal{
        "generation_conflict",
        error_kind::conflict,
        "generation_conflict",
        "this generation was renewed already: is there a copy of this host?"},
};

[[noreturn]] void refuse(const std::string& outcome)
{
    for (const auto& one : refusals) {
        if (one.outcome == outcome) throw error(one.kind, std::string(one.code), std::string(one.detail));
    }
    throw error(error_kind::internal, "registry_answer_unknown", "the renewal could not be handled", outcome);
}

std::optional<std::string> parse_new_key(const renewal& in)
{
    if (!in.public_key) return std::nullopt;
    auto key = crypto::from_base64(*in.public_key);
    if (!key || key->size() != 32) {
        throw http::fields_error(
            "/public_key", "field_invalid", "must be the base64 of an Ed25519 public key"
        );
    }
    return key;
}

}  // namespace

void identity_api::mount(http::routes& on)
{
    on.get("/agent/v1/self", may::read_self, this, &identity_api::show)
        .summary("What the gateway holds of this host");
    on.post("/agent/v1/credential", may::renew, this, &identity_api::renew)
        .body_limit(body_limit)
        .summary("The next credential, signed for with the host's key");
}

task<self> identity_api::show(const http::context& ctx)
{
    const auto& who = host_of(ctx);
    self out;
    out.host = who.host().id;
    out.tenant.tid = who.of_tenant().tid;
    out.state = who.host().state;
    out.generation = who.host().generation;
    out.expires_at = who.expires_at();
    co_return out;
}

task<renewed> identity_api::renew(const http::context& ctx, renewal in)
{
    const auto& host = host_of(ctx).host();
    verify_renewal(
        host.public_key, host.id, in.generation, ctx.request().body, ctx.header("Leasehold-Signature")
    );
    const auto issued = credential::make(credential_type::host, host.id.value());
    renew_request what;
    what.host = host.id;
    what.generation = in.generation;
    what.next_hmac = keys_.stored_form(issued.secret_part.reveal());
    what.next_expires_at = clock_.wall() + credential_life;
    what.public_key = parse_new_key(in);
    what.max_offline = values_.agents.max_offline;
    what.source_ip = ctx.request().peer;
    what.request_id = ctx.request_id();
    const auto hmac = what.next_hmac;
    renewed out;
    out.expires_at = what.next_expires_at;
    const auto done = co_await ports_.registry().renew(std::move(what));
    if (done.outcome != "ok") refuse(done.outcome);
    co_await wait_known(host.id, hmac);
    out.credential = issued.to_text();
    out.generation = done.generation;
    co_return out;
}

// Until this router itself takes the new one: its directory follows the registry within a second.
task<void> identity_api::wait_known(host_id host, std::string next_hmac)
{
    const auto until = std::chrono::steady_clock::now() + known_within;
    for (;;) {
        const auto known = ports_.lookup().find_host(host);
        if (known && (known->next_hmac == next_hmac || known->credential_hmac == next_hmac)) co_return;
        if (std::chrono::steady_clock::now() >= until) co_return;
        co_await sleep_for(std::chrono::milliseconds(10));
    }
}

}  // namespace leasehold::router::agents
