#include "gateway.hpp"

#include <leasehold/base/secret.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace leasehold::agent {
namespace {

constexpr std::string_view base = "/agent/v1";

http::client make_client(const std::string& url, const std::string& ca_file)
{
    const auto where = http::origin::parse(url);
    if (!where) throw error(error_kind::invalid, "config_invalid", "server.url is no URL");
    http::client_settings settings;
    settings.ca_file = ca_file;
    settings.call_timeout = std::chrono::seconds(15);  // the gateway answers within 10
    settings.idle_connections = 1;
    return http::client(*where, settings);
}

http::request to_request(gateway_request what)
{
    http::request out(what.verb, std::string(base) + what.path);
    out.wipe = true;
    out.fields.set("Accept", "application/json");
    if (!what.body.empty()) out.fields.set("Content-Type", "application/json");
    if (!what.bearer.empty()) out.fields.set("Authorization", "Bearer " + what.bearer);
    if (!what.signature.empty()) out.fields.set("Leasehold-Signature", what.signature);
    wipe(what.bearer);
    out.body = std::move(what.body);
    return out;
}

std::chrono::seconds seconds_in(std::optional<std::string_view> text)
{
    int seconds = 0;
    if (text) std::from_chars(text->data(), text->data() + text->size(), seconds);
    return std::chrono::seconds(std::max(seconds, 0));
}

std::string text_in(const nlohmann::json& body, const char* name)
{
    const auto at = body.find(name);
    return at != body.end() && at->is_string() ? at->get<std::string>() : std::string();
}

gateway_answer to_answer(const http::answer& from)
{
    gateway_answer out;
    out.status = from.status;
    auto body = nlohmann::json::parse(from.body, nullptr, false);
    if (!body.is_object()) body = nlohmann::json::object();
    if (from.status < 200 || from.status >= 300) {
        out.code = text_in(body, "code");
        out.detail = text_in(body, "detail");
    }
    out.means = judge(from.status, out.code);
    out.body = std::move(body);
    out.retry_after = seconds_in(from.fields.find("Retry-After"));
    if (const auto text = from.fields.find("Leasehold-Time")) {
        out.time = parse_rfc3339(*text);
        if (out.time) {
            const auto ahead = real_clock().wall() - *out.time;
            out.clock_error = std::chrono::duration_cast<std::chrono::milliseconds>(ahead);
        }
    }
    return out;
}

}  // namespace

gateway::gateway(const std::string& url, const std::string& ca_file) : client_(make_client(url, ca_file)) {}

task<gateway_answer> gateway::ask(gateway_request what)
{
    auto request = to_request(std::move(what));
    gateway_answer failed;
    try {
        const auto answer = co_await client_.send(std::move(request));
        co_return to_answer(answer);
    } catch (const error& why) {
        failed.code = why.code();
        failed.detail = why.detail();
    }
    co_return failed;
}

}  // namespace leasehold::agent
