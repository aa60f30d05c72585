#include <leasehold/vault-client/error.hpp>

#include <array>
#include <utility>

namespace leasehold::vault_client {
namespace {

using enum failure;

constexpr std::array facts{
    failure_facts{
        unreachable,
        "unreachable",
        error_kind::unavailable,
        "broker_unreachable",
        "the broker cannot be reached"},
    failure_facts{
        answer_lost,
        "answer_lost",
        error_kind::unavailable,
        "broker_answer_lost",
        "the broker's answer was lost"},
    failure_facts{
        tls, "tls", error_kind::unavailable, "broker_tls", "the broker's certificate cannot be trusted"},
    failure_facts{
        protocol, "protocol", error_kind::protocol, "broker_protocol", "the broker's answer makes no sense"},
    failure_facts{
        role_unknown,
        "role_unknown",
        error_kind::not_found,
        "broker_role_unknown",
        "the broker does not know this role"},
    failure_facts{
        lease_gone,
        "lease_gone",
        error_kind::not_found,
        "broker_lease_gone",
        "the broker no longer has this lease"},
    failure_facts{
        refused, "refused", error_kind::internal, "broker_refused", "the broker refused the request"},
    failure_facts{
        conflict,
        "conflict",
        error_kind::conflict,
        "broker_conflict",
        "somebody else changed this at the broker"},
    failure_facts{
        login_refused,
        "login_refused",
        error_kind::unavailable,
        "broker_login_refused",
        "the broker does not accept this identity"},
    failure_facts{
        token_dead,
        "token_dead",
        error_kind::unavailable,
        "broker_token_dead",
        "the broker does not know this token: it is wrong, or it has ended"},
    failure_facts{
        denied,
        "denied",
        error_kind::unavailable,
        "broker_denied",
        "a policy of the broker does not allow this"},
    failure_facts{
        forbidden, "forbidden", error_kind::unavailable, "broker_denied", "the broker does not allow this"},
    failure_facts{
        stale, "stale", error_kind::unavailable, "broker_stale", "this node of the broker is behind"},
    failure_facts{
        throttled,
        "throttled",
        error_kind::rate_limited,
        "broker_throttled",
        "the broker asks to come back later"},
    failure_facts{
        server_busy,
        "server_busy",
        error_kind::unavailable,
        "broker_server_unavailable",
        "the broker cannot reach the PostgreSQL server"},
    failure_facts{
        server_fault,
        "server_fault",
        error_kind::internal,
        "broker_server_fault",
        "the PostgreSQL server refused the broker's statement"},
    failure_facts{
        not_active,
        "not_active",
        error_kind::unavailable,
        "broker_no_leader",
        "no node of the broker is active"},
    failure_facts{
        audit_blocked,
        "audit_blocked",
        error_kind::unavailable,
        "broker_audit_blocked",
        "the broker cannot write its audit log"},
    failure_facts{sealed, "sealed", error_kind::unavailable, "broker_sealed", "the broker is sealed"},
    failure_facts{
        uninitialised,
        "uninitialised",
        error_kind::unavailable,
        "broker_uninitialised",
        "the broker is not initialised"},
    failure_facts{
        unusable,
        "unusable",
        error_kind::unavailable,
        "broker_unusable",
        "this node of the broker serves nobody"},
    failure_facts{
        namespace_gone,
        "namespace_gone",
        error_kind::unavailable,
        "broker_namespace_gone",
        "the namespace at the broker is sealed or gone"},
    failure_facts{
        redirect_refused,
        "redirect_refused",
        error_kind::unavailable,
        "broker_redirect_refused",
        "the broker points to a node that is not listed"},
    failure_facts{
        mixed,
        "mixed",
        error_kind::unavailable,
        "broker_mixed",
        "the listed nodes belong to different brokers"},
    failure_facts{
        token_unsuitable,
        "token_unsuitable",
        error_kind::unavailable,
        "broker_token_unsuitable",
        "the broker gave a token that leases cannot live under"},
    failure_facts{
        wrong_tenant,
        "wrong_tenant",
        error_kind::internal,
        "broker_wrong_tenant",
        "the broker gave a login of another role"},
    failure_facts{
        busy, "busy", error_kind::unavailable, "broker_busy", "too many calls to the broker are waiting"},
    failure_facts{timeout, "timeout", error_kind::timeout, "broker_timeout", "the broker took too long"},
    failure_facts{
        paused,
        "paused",
        error_kind::unavailable,
        "broker_paused",
        "leases of this tenant pause after failures"},
    failure_facts{
        retired,
        "retired",
        error_kind::unavailable,
        "broker_lease_retired",
        "leases of this tenant have ended"},
    failure_facts{
        role_refused,
        "role_refused",
        error_kind::forbidden,
        "broker_role_refused",
        "this role class is not to be had here"},
    failure_facts{stopping, "stopping", error_kind::unavailable, "broker_stopping", "this process is ending"},
};

constexpr bool in_order()
{
    for (std::size_t i = 0; i < facts.size(); ++i) {
        if (static_cast<std::size_t>(facts[i].what) != i) return false;
    }
    return true;
}
static_assert(in_order(), "one row for each failure, in its order");
static_assert(facts.size() == static_cast<std::size_t>(stopping) + 1);

std::string detail_of(const failure_report& report)
{
    std::string text(facts_of(report.what).detail);
    if ((report.what == denied || report.what == server_fault) && !report.path.empty())
        text += ": " + report.path;
    if (!report.sqlstate.empty()) text += " (SQLSTATE " + report.sqlstate + ")";
    return text;
}

std::string internal_of(const failure_report& report)
{
    std::string text;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        if (!text.empty()) text += ", ";
        text.append(name).append(" ").append(value);
    };
    add("path", report.path);
    add("node", report.node);
    add("status", report.status == 0 ? std::string() : std::to_string(report.status));
    add("request", report.request_id);
    add("said", report.broker_text);
    return text;
}

}  // namespace

const failure_facts& facts_of(failure what) noexcept
{
    return facts[static_cast<std::size_t>(what)];
}

error::error(failure_report report)
    : leasehold::error(
          facts_of(report.what).kind,
          std::string(facts_of(report.what).code),
          detail_of(report),
          internal_of(report)
      )
    , report_(std::move(report))
{}

error::error(vault_client::failure what, std::string internal)
    : error([&] {
        failure_report report(what);
        report.broker_text = std::move(internal);
        return report;
    }())
{}

}  // namespace leasehold::vault_client
