#include "api.hpp"

#include "failure.hpp"
#include "secret_reference.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/task.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace leasehold::cli {
namespace {

constexpr std::string_view base = "/api/v1";
constexpr auto default_server = "http://127.0.0.1:7600";  // default of control_plane.listen
constexpr std::size_t answer_limit = 16U << 20U;

http::origin origin_of(const invocation& how)
{
    const auto url = how.server.empty() ? std::string(default_server) : how.server;
    const auto found = http::origin::parse(url);
    if (!found) throw usage_error(fmt::format("--server {} is no URL of the form https://host:port", url));
    if (!found->tls && !address{found->host, found->port, {}}.is_loopback()) {
        throw error(
            error_kind::invalid, "server_not_https", fmt::format("{} is beyond loopback and not https", url)
        );
    }
    return *found;
}

http::client_settings settings_of(const invocation& how)
{
    http::client_settings settings;
    settings.ca_file = how.ca_file;
    settings.call_timeout = how.timeout;
    return settings;
}

secret<std::string> key_of(const invocation& how)
{
    if (!how.key.empty()) return load_reference(how, how.key, "key_not_a_reference");
    auto given = how.variable("LEASEHOLD_KEY");  // a reference, or the key itself
    if (!given || given->empty()) {
        throw error(error_kind::invalid, "key_missing", "no API key was given");
    }
    const bool is_reference = given->rfind("env:", 0) == 0 || given->rfind("file:", 0) == 0;
    if (is_reference) return load_reference(how, *given, "key_not_a_reference");
    return secret<std::string>::take(std::move(*given));
}

[[noreturn]] void refuse(int status, std::string document)
{
    const auto problem = nlohmann::json::parse(document, nullptr, false);
    if (!problem.is_object() || !problem.contains("code")) {
        throw refused_by_server(
            status, "answer_unexpected", fmt::format("the server answered {} without a reason", status), {}
        );
    }
    auto code = problem.value("code", "");
    auto detail = problem.value("detail", "");
    throw refused_by_server(status, std::move(code), std::move(detail), std::move(document));
}

}  // namespace

api::api(const invocation& how)
    : key_(key_of(how))
    , timeout_(how.timeout)
    , client_(origin_of(how), settings_of(how))
{}

std::string api::send(http::method verb, const std::string& path, std::string body)
{
    http::request what(verb, std::string(base) + path);
    what.answer_limit = answer_limit;
    what.wipe = true;  // the key is in its head, and the answer may show a new one
    what.fields.set("Accept", "application/json");
    what.fields.set("Authorization", "Bearer " + std::string(key_.reveal()));
    if (!body.empty()) what.fields.set("Content-Type", "application/json");
    what.body = std::move(body);

    outcome<http::answer> result;
    auto work = detail::run_into(client_.send(std::move(what), timeout_), result);
    asio::co_spawn(loop_, std::move(work), [](std::exception_ptr) {});
    loop_.restart();
    while (!result.is_set()) loop_.run_one();
    auto got = result.take();
    if (got.status >= 200 && got.status < 300) return std::move(got.body);
    refuse(got.status, std::move(got.body));
}

std::string api::get(const std::string& path)
{
    return send(http::method::get, path, {});
}

std::string api::post(const std::string& path, const nlohmann::json& body)
{
    return send(http::method::post, path, body.dump());
}

std::string api::post(const std::string& path)
{
    return send(http::method::post, path, {});
}

std::string api::put(const std::string& path, const nlohmann::json& body)
{
    return send(http::method::put, path, body.dump());
}

std::string api::del(const std::string& path)
{
    return send(http::method::del, path, {});
}

nlohmann::json api::list(const std::string& path, const std::string& query)
{
    auto all = nlohmann::json::array();
    std::string cursor;
    for (;;) {
        auto target = path;
        char joint = '?';
        for (const auto& part : {query, cursor}) {
            if (part.empty()) continue;
            target += joint + part;
            joint = '&';
        }
        const auto page = nlohmann::json::parse(get(target));
        for (const auto& item : page.at("items")) all.push_back(item);
        const auto next = page.find("next");
        if (next == page.end() || !next->is_string()) break;
        cursor = "cursor=" + encode_query(next->get<std::string>());
    }
    return nlohmann::json{{"items", std::move(all)}};
}

std::string encode_query(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace leasehold::cli
