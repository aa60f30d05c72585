#include "classify.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace leasehold::vault_client {
namespace {

constexpr std::size_t longest_text = 1024;

bool contains(std::string_view text, std::string_view part) noexcept
{
    const auto lower = [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), [&](char a, char b) {
               return lower(a) == lower(b);
           }) != text.end();
}

struct error_body
{
    bool is_json = false;
    std::string text;  // errors[] joined
    std::string request_id;
};

error_body read(std::string_view body)
{
    error_body result;
    const auto parsed = nlohmann::json::parse(body, nullptr, false);
    if (!parsed.is_object()) return result;
    result.is_json = true;
    if (const auto id = parsed.find("request_id"); id != parsed.end() && id->is_string()) {
        result.request_id = id->get<std::string>().substr(0, 64);
    }
    const auto errors = parsed.find("errors");
    if (errors == parsed.end() || !errors->is_array()) return result;
    for (const auto& one : *errors) {
        if (!one.is_string() || result.text.size() > 4 * longest_text) continue;
        if (!result.text.empty()) result.text += "; ";
        result.text += one.get_ref<const std::string&>();
    }
    return result;
}

// "(SQLSTATE 42501)", as the PostgreSQL plugin writes it.
std::string sqlstate_in(std::string_view text)
{
    constexpr std::string_view mark = "SQLSTATE ";
    const auto at = text.find(mark);
    if (at == std::string_view::npos || text.size() < at + mark.size() + 5) return {};
    const auto state = text.substr(at + mark.size(), 5);
    const bool sound = std::all_of(state.begin(), state.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    });
    return sound ? std::string(state) : std::string();
}

bool is_connection_trouble(std::string_view text, std::string_view sqlstate) noexcept
{
    if (sqlstate.starts_with("08") || sqlstate == "53300" || sqlstate == "57P03" || sqlstate == "57P01")
        return true;
    if (!sqlstate.empty()) return false;
    constexpr std::array<std::string_view, 8> signs{
        "failed to connect to",
        "connection refused",
        "connection reset",
        "dial tcp",
        "i/o timeout",
        "no such host",
        "broken pipe",
        "unexpected EOF"};
    return std::any_of(signs.begin(), signs.end(), [&](std::string_view s) { return contains(text, s); });
}

failure of_400(const asked& request, std::string_view text) noexcept
{
    if (request.kind == call_kind::login) return failure::login_refused;
    if (contains(text, "check-and-set parameter")) return failure::conflict;
    if (request.kind == call_kind::issue && contains(text, "unknown role")) return failure::role_unknown;
    const bool lease_call = request.kind == call_kind::renew || request.kind == call_kind::revoke ||
                            request.kind == call_kind::list_leases || request.kind == call_kind::renew_self;
    if (lease_call && (contains(text, "lease not found") || contains(text, "lease expired") ||
                       contains(text, "lease is not renewable"))) {
        return failure::lease_gone;
    }
    if (contains(text, "not yet initialized")) return failure::uninitialised;
    if (contains(text, "namespace") && (contains(text, "not found") || contains(text, "sealed"))) {
        return failure::namespace_gone;
    }
    return failure::refused;
}

bool says_no_leader(std::string_view text) noexcept
{
    return contains(text, "node is not active") || contains(text, "node not active") ||
           contains(text, "read-only storage") || contains(text, "read only storage") ||
           contains(text, "cannot write to readonly storage") ||
           (contains(text, "no active") && contains(text, "instance found"));
}

failure of_500(std::string_view text, std::string_view sqlstate) noexcept
{
    if (says_no_leader(text)) return failure::not_active;
    if (is_connection_trouble(text, sqlstate)) return failure::server_busy;
    if (!sqlstate.empty()) return failure::server_fault;
    if (contains(text, "is not an allowed role") || contains(text, "failed to find entry for connection")) {
        return failure::server_fault;
    }
    if (contains(text, "audit")) return failure::audit_blocked;
    return failure::server_fault;
}

failure of_503(const error_body& said) noexcept
{
    if (!said.is_json) return failure::not_active;  // a proxy before a broker that is away
    if (says_no_leader(said.text)) return failure::not_active;
    if (contains(said.text, "audit")) return failure::audit_blocked;
    if (contains(said.text, "namespace")) return failure::namespace_gone;
    if (contains(said.text, "not yet initialized")) return failure::uninitialised;
    return failure::sealed;
}

failure of_status(const asked& request, int status, const error_body& said, std::string_view sqlstate)
{
    switch (status) {
    case 400:
        return of_400(request, said.text);
    case 403:
        return request.kind == call_kind::login ? failure::login_refused : failure::forbidden;
    case 404:
        return said.is_json ? failure::refused : failure::protocol;
    case 412:
        return failure::stale;
    case 429:
        return request.carried_index ? failure::stale : failure::throttled;
    case 472:
    case 473:
    case 530:
        return failure::unusable;
    case 500:
        return of_500(said.text, sqlstate);
    case 501:
        return failure::uninitialised;
    case 502:
    case 504:
        return failure::not_active;
    case 503:
        return of_503(said);
    default:
        return status >= 400 && status < 500 ? failure::refused : failure::protocol;
    }
}

std::optional<std::chrono::milliseconds> retry_after_in(const http::headers& fields)
{
    const auto text = fields.find("Retry-After");
    if (!text) return std::nullopt;
    int wait = 0;
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), wait);
    if (failed != std::errc() || end != text->data() + text->size() || wait < 0) return std::nullopt;
    return std::chrono::seconds(std::min(wait, 300));
}

}  // namespace

std::string_view to_text(call_kind value) noexcept
{
    constexpr std::array<std::string_view, 20> texts{
        "health",      "login",  "lookup_self",   "renew_self",  "revoke_self", "capabilities", "issue",
        "renew",       "revoke", "revoke_prefix", "list_leases", "irrevocable", "role",         "config",
        "rotate_root", "kv",     "transit",       "sys",         "approle",     "seal"};
    return texts[static_cast<std::size_t>(value)];
}

classified classify(const asked& request, int status, const http::headers& fields, std::string_view body)
{
    classified result;
    if (request.kind == call_kind::health) return result;  // every status is the answer
    if (status >= 200 && status < 300) return result;
    if (status == 307) {
        result.what = verdict::redirect;
        return result;
    }
    const auto said = read(body);
    const bool no_route =
        contains(said.text, "no handler for route") || contains(said.text, "unsupported path");
    if (status == 404 && said.is_json && !no_route) {
        result.what = verdict::absent;
        return result;
    }
    result.what = verdict::failed;
    auto& report = result.report;
    report.sqlstate = sqlstate_in(said.text);
    report.what = of_status(request, status, said, report.sqlstate);
    report.status = status;
    report.request_sent = true;
    report.request_id = said.request_id;
    report.path = request.path;
    report.retry_after = retry_after_in(fields);
    report.broker_text = redact(said.text);
    return result;
}

std::string redact(std::string_view text)
{
    constexpr std::string_view hidden = "***";
    const auto is_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    };
    const auto is_gap = [](char c) { return c <= ' ' || c == '"' || c == '\'' || c == '`'; };
    std::string result;
    std::size_t at = 0;
    while (at < text.size() && result.size() < longest_text) {
        // user:password@ of a URL
        if (text.substr(at).starts_with("://")) {
            auto end = at + 3;
            while (end < text.size() && !is_gap(text[end]) && text[end] != '/') ++end;
            const auto sign = text.substr(at, end - at).rfind('@');
            result += "://";
            if (sign != std::string_view::npos) result += hidden;
            at = sign == std::string_view::npos ? at + 3 : at + sign;
            continue;
        }
        // password=..., "password": "...", PASSWORD '...'
        constexpr std::string_view names[] = {"password", "secret_id", "token"};
        const auto* name = std::find_if(std::begin(names), std::end(names), [&](std::string_view n) {
            return text.size() - at > n.size() && contains(text.substr(at, n.size()), n);
        });
        if (name != std::end(names)) {
            result += text.substr(at, name->size());
            at += name->size();
            auto value = at;
            while (value < text.size() && (text[value] == '=' || text[value] == ':' || is_gap(text[value])))
                ++value;
            const auto gap = text.substr(at, value - at);
            if (gap.find_first_of("=:'\"") != std::string_view::npos && value < text.size()) {
                result.append(gap).append(hidden);
                while (value < text.size() && !is_gap(text[value])) ++value;
                at = value;
            }
            continue;
        }
        // a long word is a token, a secret id or a password; ids of requests are in the report already
        std::size_t end = at;
        while (end < text.size() && (is_word(text[end]) || text[end] == '.')) ++end;
        const auto word = text.substr(at, end - at);
        const bool mixed =
            std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
            std::any_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
        if (word.size() >= 16 && mixed && !word.starts_with("lease_")) {
            result += hidden;
            at = end;
        } else if (!word.empty()) {
            result += word;
            at = end;
        } else {
            result += text[at] < ' ' ? ' ' : text[at];
            ++at;
        }
    }
    if (result.size() > longest_text) result.resize(longest_text);
    return result;
}

}  // namespace leasehold::vault_client
