#include "failure.hpp"

#include "license_gate.hpp"

#include <leasehold/base/config.hpp>
#include <leasehold/base/embedded_file.hpp>
#include <leasehold/http/problem.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <span>

std::span<const leasehold::embedded_file> embedded_pages();  // docs/errors.md

namespace leasehold::cli {
namespace {

error_kind kind_of(int status)
{
    switch (status) {
    case 400:
        return error_kind::protocol;
    case 401:
        return error_kind::unauthenticated;
    case 402:
        return error_kind::unlicensed;
    case 403:
        return error_kind::forbidden;
    case 404:
        return error_kind::not_found;
    case 409:
    case 412:
        return error_kind::conflict;
    case 429:
        return error_kind::rate_limited;
    case 500:
        return error_kind::internal;
    case 503:
        return error_kind::unavailable;
    case 504:
        return error_kind::timeout;
    default:
        return status >= 500 ? error_kind::unavailable : error_kind::invalid;
    }
}

void say(const std::string& text)
{
    std::fputs(text.c_str(), stderr);
}

// The reasons below the first line: what the configuration or single fields are refused for, or what the log
// would say.
std::string reasons_of(const error& why)
{
    std::string lines;
    const auto add = [&](const std::string& text) { lines += fmt::format("  why:   {}\n", text); };
    if (const auto* bad = dynamic_cast<const config_error*>(&why)) {
        for (const auto& problem : bad->problems()) {
            add((problem.line > 0 ? fmt::format("line {}: ", problem.line) : "") +
                (problem.key.empty() ? "" : problem.key + ": ") + problem.text);
        }
        return lines;
    }
    if (const auto* refused = dynamic_cast<const refused_by_server*>(&why)) {
        const auto document = nlohmann::json::parse(refused->document(), nullptr, false);
        const auto fields = document.is_object() ? document.value("errors", nlohmann::json::array())
                                                 : nlohmann::json::array();
        for (const auto& field : fields) {
            if (field.is_object()) add(field.value("pointer", "") + " " + field.value("detail", ""));
        }
        return lines;
    }
    const std::string known = why.code() + ": " + why.detail();
    const std::string full = why.what();
    if (full.size() > known.size() + 3 && full.compare(0, known.size() + 2, known + " (") == 0) {
        add(full.substr(known.size() + 2, full.size() - known.size() - 3));
    }
    return lines;
}

void tell_people(const error& why)
{
    if (const auto* refused = dynamic_cast<const license_refused*>(&why)) {
        say(refused->text() + "\n");
        return;
    }
    const auto* bad_config = dynamic_cast<const config_error*>(&why);
    say(fmt::format("error: {}\n", bad_config != nullptr ? "the configuration is not usable" : why.detail()));
    say(reasons_of(why));
    const auto fix = fix_of(why.code());
    if (!fix.empty()) say(fmt::format("  fix:   {}\n", fix));
    say(fmt::format("  code:  {}\n", why.code()));
}

void tell_programs(const error& why)
{
    if (const auto* refused = dynamic_cast<const refused_by_server*>(&why);
        refused != nullptr && !refused->document().empty()) {
        say(refused->document() + (refused->document().back() == '\n' ? "" : "\n"));
        return;
    }
    if (const auto* bad = dynamic_cast<const config_error*>(&why)) {
        std::vector<http::field_problem> all;
        for (const auto& problem : bad->problems()) all.emplace_back(problem.key, bad->code(), problem.text);
        say(http::to_problem(http::fields_error(std::move(all)), "", "").body);
        return;
    }
    say(http::to_problem(why, "", "").body);
}

}  // namespace

refused_by_server::refused_by_server(int status, std::string code, std::string detail, std::string document)
    : error(kind_of(status), std::move(code), std::move(detail))
    , document_(std::move(document))
{}

error usage_error(std::string detail)
{
    return {error_kind::invalid, "usage", std::move(detail)};
}

int report_failure(const std::exception& why, bool as_json)
{
    if (const auto* known = dynamic_cast<const error*>(&why)) {
        as_json ? tell_programs(*known) : tell_people(*known);
        return exit_code_of(known->kind(), known->code());
    }
    const error unknown(error_kind::internal, "internal", why.what());
    as_json ? tell_programs(unknown) : tell_people(unknown);
    return exit_code_of(unknown.kind(), unknown.code());
}

std::string fix_of(const std::string& code)
{
    for (const auto& page : embedded_pages()) {
        const auto head = page.bytes.find("\n### " + code + "\n");
        if (head == std::string_view::npos) continue;
        const auto next = page.bytes.find("\n##", head + 4);
        const auto section = page.bytes.substr(head, next == std::string_view::npos ? next : next - head);
        const auto fix = section.find("\nFix: ");
        if (fix == std::string_view::npos) return {};
        std::string text(section.substr(fix + 6));
        while (!text.empty() && text.back() == '\n') text.pop_back();
        for (auto& c : text) {
            if (c == '\n') c = ' ';
        }
        return text;
    }
    return {};
}

}  // namespace leasehold::cli
