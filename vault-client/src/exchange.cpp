#include "exchange.hpp"

#include <leasehold/base/crypto.hpp>
#include <leasehold/base/log.hpp>

namespace leasehold::vault_client {
namespace {

constexpr int most_hops = 2;
constexpr std::size_t most_warnings = 100;

std::string make_traceparent()
{
    return "00-" + crypto::to_hex(crypto::random_bytes(16)) + "-" + crypto::to_hex(crypto::random_bytes(8)) +
           "-01";
}

failure failure_of(http::exchange_failure what) noexcept
{
    switch (what) {
    case http::exchange_failure::unreachable:
        return failure::unreachable;
    case http::exchange_failure::answer_lost:
        return failure::answer_lost;
    case http::exchange_failure::tls:
        return failure::tls;
    default:
        return failure::protocol;
    }
}

failure_report report_of(const http::exchange_error& failed, const call& what, const node& at)
{
    failure_report report(failure_of(failed.failure()));
    // A request that left in part may have been read: then it is not "unreachable" to those who may not
    // repeat.
    if (report.what == failure::unreachable && failed.request_sent()) report.what = failure::answer_lost;
    report.request_sent = failed.request_sent();
    report.path = what.path;
    report.node = at.where.to_string();
    report.broker_text = redact(failed.detail());
    return report;
}

[[noreturn]] void refuse(failure why, const call& what, const node& at, std::string text)
{
    failure_report report(why);
    report.request_sent = true;
    report.path = what.path;
    report.node = at.where.to_string();
    report.broker_text = redact(text);
    throw error(std::move(report));
}

}  // namespace

exchange::exchange(broker_settings settings, const clock_source& clock, metrics& into)
    : settings_(std::move(settings))
    , clock_(clock)
    , metrics_(into)
    , nodes_(settings_, clock, into)
    , refused_redirects_(into.make_counter(
          "leasehold_broker_redirects_refused_total", "Redirects to nodes that are not listed"
      ))
{}

void exchange::count(call_kind kind, std::string_view outcome, std::chrono::nanoseconds took)
{
    const auto key = std::make_pair(kind, outcome);
    auto found = requests_.find(key);
    if (found == requests_.end()) {
        const auto made = metrics_.make_counter(
            "leasehold_broker_requests_total",
            "Calls to the broker",
            {{"kind", to_text(kind)}, {"outcome", outcome}}
        );
        found = requests_.emplace(key, made).first;
    }
    found->second.add();
    auto timed = seconds_.find(kind);
    if (timed == seconds_.end()) {
        const auto made = metrics_.make_histogram(
            "leasehold_broker_request_seconds", "Time of calls to the broker", {{"kind", to_text(kind)}}
        );
        timed = seconds_.emplace(kind, made).first;
    }
    timed->second.observe(std::chrono::duration<double>(took).count());
}

task<answer> exchange::send(call what)
{
    const auto kind = what.kind;
    const auto began = clock_.boot();
    std::exception_ptr failed;
    std::string_view outcome = "ok";
    answer result;
    try {
        auto got = co_await attempt(std::move(what));
        result = std::move(got);
        if (result.absent) outcome = "absent";
    } catch (const error& why) {
        failed = std::current_exception();
        outcome = facts_of(why.cause()).name;
    }
    count(kind, outcome, clock_.boot() - began);
    if (failed) std::rethrow_exception(failed);
    co_return result;
}

void exchange::use_ca_file(const std::string& file)
{
    settings_.ca_file = file;
    nodes_.forget_ca();
}

task<health_report> exchange::health()
{
    auto report = co_await nodes_.probe_all();
    co_return report;
}

http::request exchange::request_for(const call& what, bool with_token) const
{
    std::string target = "/v1/" + what.path;
    if (!what.query.empty()) target += "?" + what.query;
    http::request request(what.verb, std::move(target));
    request.fields.set("X-Vault-Request", "true");
    request.fields.set("traceparent", make_traceparent());
    if (with_token && token_ && !token_->empty())
        request.fields.set("X-Vault-Token", std::string(token_->reveal()));
    if (what.in_namespace && !settings_.name_space.empty()) {
        request.fields.set("X-Vault-Namespace", settings_.name_space);
    }
    if (!what.index.empty()) {
        request.fields.set("X-Vault-Index", what.index.text());
        request.fields.set("X-Vault-Inconsistent", "forward-active-node");
    }
    if (!what.body.empty()) request.fields.set("Content-Type", "application/json");
    request.body = what.body;
    request.answer_limit = what.answer_limit;
    request.wipe = what.is_secret || with_token;
    return request;
}

node& exchange::redirected(const call& what, const node& from, const http::answer& got)
{
    const auto location = got.fields.find("Location");
    if (!location) refuse(failure::protocol, what, from, "307 without Location");
    const auto without_query = location->substr(0, location->find('?'));
    const auto asked_path = "/v1/" + what.path;
    const auto scheme = without_query.find("://");
    // OpenBAO's router answers "/x" with "/x/" where the path is wrong: that is no leader.
    if (scheme == std::string_view::npos || without_query.ends_with("/")) {
        refuse(failure::protocol, what, from, "307 to " + std::string(without_query));
    }
    const auto slash = without_query.find('/', scheme + 3);
    const auto where = http::origin::parse(without_query.substr(0, slash));
    const auto path = slash == std::string_view::npos ? std::string_view() : without_query.substr(slash);
    auto* leader = where ? nodes_.find(*where) : nullptr;
    if (leader == nullptr || where->tls != from.where.tls || path != asked_path) {
        refused_redirects_.add();
        log::error(
            "broker.redirect_refused", {{"node", from.where.to_string()}, {"location", without_query}}
        );
        refuse(failure::redirect_refused, what, from, "307 to " + std::string(without_query));
    }
    return *leader;
}

task<answer> exchange::send_to(node& first, const call& what)
{
    node* at = &first;
    for (int hops = 0;; ++hops) {
        const auto with = token_;
        auto request = request_for(what, what.wants_token);
        std::optional<failure_report> failed;
        http::answer got;
        try {
            auto came = co_await at->client.send(std::move(request), what.timeout);
            got = std::move(came);
        } catch (const http::exchange_error& why) {
            failed = report_of(why, what, *at);
        }
        if (failed) {
            nodes_.leave(*at, failed->what);
            throw error(std::move(*failed));
        }

        asked about;
        about.kind = what.kind;
        about.path = what.path;
        about.carried_index = !what.index.empty();
        auto seen = classify(about, got.status, got.fields, got.body);
        if (seen.what == verdict::redirect) {
            if (hops == most_hops) {
                nodes_.leave(*at, failure::redirect_refused);
                refuse(failure::redirect_refused, what, *at, "more than two redirects");
            }
            node* next = nullptr;
            try {
                next = &redirected(what, *at, got);
            } catch (const error&) {
                nodes_.leave(*at, failure::redirect_refused);
                throw;
            }
            at = next;
            nodes_.pin(*at);
            continue;
        }

        answer result;
        result.status = got.status;
        result.node = at->where.to_string();
        result.asked_at = got.asked_at;
        result.absent = seen.what == verdict::absent;
        if (const auto index = got.fields.find("X-Vault-Index")) result.index = std::string(*index);
        if (seen.what == verdict::failed) {
            if (what.is_secret) wipe(got.body);
            if (seen.report.what == failure::forbidden) {
                // A login that came in between makes the refused token yesterday's: the new one would explain
                // nothing.
                const bool is_overtaken = what.wants_token && with != token_;
                if (is_overtaken || what.kind == call_kind::lookup_self) {
                    seen.report.what = failure::token_dead;
                } else {
                    const auto explained = co_await explain_forbidden(*at);
                    seen.report.what = explained;
                }
            }
            seen.report.node = result.node;
            const auto why = seen.report.what;
            if (why == failure::sealed || why == failure::uninitialised || why == failure::not_active ||
                why == failure::unusable || why == failure::audit_blocked) {
                nodes_.leave(*at, why);
            }
            throw error(std::move(seen.report));
        }
        if (!result.absent && !got.body.empty()) {
            result.body = json::parse(got.body, nullptr, false);
            if (what.is_secret) wipe(got.body);
            if (result.body.is_discarded())
                refuse(failure::protocol, what, *at, "the answer's body is no JSON");
            note_warnings(result.body);
        }
        co_return result;
    }
}

task<failure> exchange::explain_forbidden(node& at)
{
    call ask(call_kind::lookup_self, http::method::get, "auth/token/lookup-self");
    auto request = request_for(ask, true);
    std::optional<failure_report> failed;
    http::answer got;
    try {
        auto came = co_await at.client.send(std::move(request), ask.timeout);
        got = std::move(came);
    } catch (const http::exchange_error& why) {
        failed = report_of(why, ask, at);
    }
    if (failed) co_return failed->what;
    if (got.status == 200) co_return failure::denied;
    if (got.status == 403) co_return failure::token_dead;
    asked about;
    about.kind = ask.kind;
    about.path = ask.path;
    const auto seen = classify(about, got.status, got.fields, got.body);
    co_return seen.what == verdict::failed ? seen.report.what : failure::protocol;
}

task<answer> exchange::attempt(call what)
{
    for (std::size_t left = nodes_.size();; --left) {
        node* at = &nodes_.first();
        if (!what.any_node) {
            auto* picked = co_await nodes_.pick();
            at = picked;
        }
        try {
            auto result = co_await send_to(*at, what);
            co_return result;
        } catch (const error& why) {
            // Not a byte was sent: the next node, at once.
            if (why.cause() != failure::unreachable || left <= 1 || what.any_node) throw;
        }
    }
}

void exchange::note_warnings(const json& body)
{
    if (!body.is_object()) return;
    const auto found = body.find("warnings");
    if (found == body.end() || !found->is_array()) return;
    for (const auto& one : *found) {
        if (!one.is_string() || warned_.size() >= most_warnings) continue;
        auto text = redact(one.get_ref<const std::string&>());
        if (warned_.insert(text).second) log::warn("broker.warning", {{"text", text}});
    }
}

void secret_body::key(std::string_view name)
{
    text_ += text_.empty() ? "{" : ",";
    quoted(name);
    text_ += ":";
}

void secret_body::quoted(std::string_view value)
{
    constexpr std::string_view hex = "0123456789abcdef";
    text_ += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += c;
        } else if (byte < 0x20) {
            text_ += "\\u00";
            text_ += hex[byte >> 4U];
            text_ += hex[byte & 15U];
        } else {
            text_ += c;
        }
    }
    text_ += '"';
}

void secret_body::add(std::string_view name, std::string_view value)
{
    key(name);
    quoted(value);
}

void secret_body::add_raw(std::string_view name, std::string_view json_text)
{
    key(name);
    text_ += json_text;
}

std::string secret_body::take()
{
    text_ += text_.empty() ? "{}" : "}";
    return std::move(text_);
}

}  // namespace leasehold::vault_client
